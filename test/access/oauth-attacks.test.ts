// What strangers try with the authorization server of our own, and with the person who uses it.
import { describe, expect, it } from "vitest";
import { errorOf, Program, tokensOf } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";
import { browserAt } from "../support/plain-browser.ts";

let server: KeyedServer;

const person = async (name = "ana"): Promise<Person> =>
  new Person(server.url, await server.key(name));

/** The error that a client gets, or would get if its person went on. */
const errorAt = ({ at, page }: { at: URL; page: string }): string | undefined =>
  at.searchParams.get("error") ?? /[?&;#]error=(\w+)/.exec(page)?.[1];

async function start(): Promise<{ claude: Program; ana: Person }> {
  server = await serveWithKeys({ "auth-server": "true" });
  return { claude: await Program.registered(server.url), ana: await person() };
}

describe("a redirect", () => {
  it("goes to a registered address only", async () => {
    const { claude, ana } = await start();
    for (const redirect_uri of [
      "https://evil.example/callback",
      "https://claude.ai/api/mcp/auth_callback/more",
      "https://claude.ai/api/mcp/auth_callback?x=1",
      "https://claude.ai.evil.example/api/mcp/auth_callback",
      "http://claude.ai/api/mcp/auth_callback",
    ]) {
      const { at, page } = await ana.open(claude.authorization({ redirect_uri }));
      expect(at.origin, redirect_uri).toBe(claude.origin);
      expect(page).toContain("This sign-in does not work");
      // Nor with a request that is wrong for another reason.
      const wrong = claude.authorization({ redirect_uri, response_type: "token" });
      expect((await ana.open(wrong)).at.origin, redirect_uri).toBe(claude.origin);
    }
  });

  it("goes to a loopback address with any port, and to no other path there", async () => {
    const { ana } = await start();
    const editor = await Program.registered(server.url, "http://127.0.0.1:1/callback");
    const back = await ana.allow(
      editor.authorization({ redirect_uri: "http://127.0.0.1:4567/callback" }),
    );
    expect(back.host).toBe("127.0.0.1:4567");
    for (const redirect_uri of ["http://127.0.0.1:4567/other", "http://127.0.0.2:4567/callback"]) {
      const { at } = await ana.open(editor.authorization({ redirect_uri }));
      expect(at.origin).toBe(editor.origin);
    }
  });

  it("is the person's choice after a wrong request: the server leads nobody to a stranger's page", async () => {
    const { claude, ana } = await start();
    for (const more of [
      { response_type: "token" },
      { code_challenge: undefined },
      { prompt: "none" },
      { response_mode: "form_post" },
    ]) {
      const answer = await ana.ask(claude.authorization(more));
      expect([answer.status, answer.headers.get("location")]).toEqual([400, null]);
      const page = await answer.text();
      expect(page).toContain("Tell claude.ai");
      expect(page).not.toContain("onload");
      expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
  });

  it("cannot be registered for an address that runs something or that others can read", async () => {
    await start();
    for (const redirect of [
      "javascript:alert(1)",
      "data:text/html,x",
      "http://evil.example/callback",
      "https://claude.ai/cb#fragment",
      "not an address",
    ])
      expect((await new Program(server.url, redirect).register({})).status, redirect).toBe(400);
  });
});

describe("an authorization request", () => {
  it("is taken as it was sent: nothing is cut off, and nothing twice wins", async () => {
    const { claude, ana } = await start();
    const cut = claude.authorization({ state: "MARK" }).href.replace("MARK", "a?b");
    expect((await ana.allow(cut)).searchParams.get("state")).toBe("a?b");
    for (const more of ["scope=read", "prompt=login", "response_mode=query"]) {
      const twice = `${claude.authorization({ prompt: "consent", response_mode: "query" }).href}&${more}`;
      expect((await ana.open(twice)).page, more).toContain("This sign-in does not work");
    }
  });
});

describe("a code", () => {
  it("works once; a second use ends what the first one brought", async () => {
    const { claude, ana } = await start();
    const code = await claude.code(ana);
    const tokens = await tokensOf(await claude.exchange(code));
    expect(await errorOf(await claude.exchange(code))).toBe("invalid_grant");
    expect(await claude.knock(tokens.access_token)).toBe(401);
    expect(await errorOf(await claude.refresh(tokens.refresh_token))).toBe("invalid_grant");
  });

  it("comes back with the client's own words, whatever they look like", async () => {
    const { claude, ana } = await start();
    const words = { state: "{id}-x", nonce: "{id}", scope: "openid read" };
    const back = await ana.allow(claude.authorization(words));
    expect(back.searchParams.get("state")).toBe("{id}-x");
    const answer = await claude.exchange(back.searchParams.get("code")!);
    const { id_token } = (await answer.json()) as { id_token: string };
    const claims = Buffer.from(id_token.split(".")[1]!, "base64url").toString();
    expect(JSON.parse(claims)).toMatchObject({ nonce: "{id}" });
  });

  it("works for one of two that come at the same moment at most", async () => {
    const { claude, ana } = await start();
    const code = await claude.code(ana);
    const answers = await Promise.all([1, 2].map(() => claude.exchange(code)));
    expect(answers.filter(({ ok }) => ok).length).toBeLessThanOrEqual(1);
    for (const answer of answers.filter(({ ok }) => ok)) {
      const { access_token } = await tokensOf(answer);
      expect(await claude.knock(access_token)).toBe(401);
    }
  });

  it("is worth nothing without its verifier, its client and its redirect", async () => {
    const { claude, ana } = await start();
    const other = await Program.registered(server.url);
    const code = await claude.code(ana);
    for (const more of [
      { code_verifier: undefined },
      { code_verifier: "w".repeat(43) },
      { client_id: other.clientId },
      { redirect_uri: "https://claude.ai/other" },
    ])
      expect(await errorOf(await claude.exchange(code, more))).toMatch(/^invalid_/);
  });

  it("is not given out without PKCE by S256", async () => {
    const { claude, ana } = await start();
    for (const params of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge_method: "plain" },
      { code_challenge_method: undefined },
    ])
      expect(errorAt(await ana.open(claude.authorization(params)))).toBe("invalid_request");
  });

  it("is the only thing that an authorization gives, and the only way to a first token", async () => {
    const { claude, ana } = await start();
    for (const response_type of ["token", "id_token", "code id_token", "none"]) {
      const shown = await ana.open(claude.authorization({ response_type, nonce: "n" }));
      expect(errorAt(shown)).toBe("unsupported_response_type");
    }
    for (const grant_type of ["password", "client_credentials", "implicit"]) {
      const answer = await claude.token({ grant_type, username: "ana", password: "x" });
      expect(await errorOf(answer)).toBe("unsupported_grant_type");
    }
  });
});

describe("the consent page", () => {
  it("takes no form of another site, and none without the browser's token", async () => {
    const { claude, ana } = await start();
    const { at } = await ana.consent(claude.authorization());
    const send = (headers: Record<string, string>, fields: Record<string, string> = {}) =>
      ana.ask(at, {
        method: "POST",
        body: new URLSearchParams({ decision: "allow", scope: "write", ...fields }),
        headers,
      });
    expect((await send({ origin: "https://evil.example" })).status).toBe(403);
    expect((await send({})).status).toBe(403);
    expect((await send({ origin: claude.origin })).status).toBe(403);
    expect((await send({ origin: claude.origin }, { _token: "guessed" })).status).toBe(403);
    expect(await server.app.grants.list("ana")).toEqual([]);
  });

  it("is not shown in a frame, runs no script, and sends its form here only", async () => {
    const { claude, ana } = await start();
    const { at } = await ana.consent(claude.authorization());
    const { headers } = await ana.ask(at);
    expect(headers.get("x-frame-options")).toBe("DENY");
    const policy = headers.get("content-security-policy")!;
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("form-action 'self';");
    expect(headers.get("cache-control")).toBe("no-store");
  });

  it("is nobody else's: its address alone opens it in no other browser", async () => {
    const { claude, ana } = await start();
    const { at } = await ana.consent(claude.authorization());
    const eve = browserAt(server.url);
    await eve.post("/console/sign-in", { key: await server.key("eve") });
    expect((await eve.get(`${at.pathname}?here=1`)).status).toBe(404);
  });

  it("shows text of the client as text, without characters that disguise it", async () => {
    const { ana } = await start();
    const eve = new Program(server.url);
    const name = "<script>alert(1)</script>\u202Eedualc";
    const answer = await eve.register({ client_name: name });
    eve.clientId = ((await answer.json()) as { client_id: string }).client_id;
    const { page } = await ana.consent(eve.authorization());
    expect(page).toContain("&lt;script&gt;");
    expect(page).not.toContain("<script>alert");
    expect(page).not.toContain("\u202E");
    expect(page).toContain("nobody has checked that");
    expect(page).toContain("claude.ai");
  });

  it("tells the client of a refusal, and gives nothing", async () => {
    const { claude, ana } = await start();
    const shown = await ana.consent(claude.authorization());
    const back = await ana.submit(shown, [["decision", "deny"]]);
    expect(errorAt(back)).toBe("access_denied");
    expect(back.at.searchParams.get("iss")).toBe(claude.origin);
    const again = await ana.consent(claude.authorization());
    expect(errorAt(await ana.submit(again, [["decision", "allow"]]))).toBe("access_denied");
    expect(await server.app.grants.list("ana")).toEqual([]);
  });

  it("is shown again for another client, for more, when the client wants it, and on this machine", async () => {
    const { claude, ana } = await start();
    await claude.tokens(ana, ["read"]);
    const asked = async (program: Program, more?: Record<string, string>) =>
      (await ana.consent(program.authorization(more))).page !== "";
    expect(await asked(claude, { scope: "read" })).toBe(false);
    expect(await asked(claude)).toBe(true);
    for (const prompt of ["consent", "login"])
      expect(await asked(claude, { scope: "read", prompt })).toBe(true);
    expect(await asked(await Program.registered(server.url), { scope: "read" })).toBe(true);
    const editor = await Program.registered(server.url, "http://127.0.0.1/callback");
    await editor.tokens(ana);
    expect(await asked(editor)).toBe(true);
  });

  it("does not follow a sign-in of another person in the same browser", async () => {
    const { claude, ana } = await start();
    await claude.tokens(ana);
    const shown = await ana.consent(claude.authorization({ prompt: "consent" }));
    const other = await ana.submit(
      {
        ...shown,
        page: shown.page.replace(/action="[^"]+"/, `action="${shown.at.pathname}/other"`),
      },
      [],
    );
    expect(other.at.pathname).toBe("/console/sign-in");
    const next = await ana.submit(other, [
      ["key", await server.key("bob")],
      ["next", new URL(other.at).searchParams.get("next")!],
    ]);
    expect(next.page).toContain("As <b>bob</b>");
    const back = await ana.submit(next, [
      ["scope", "read"],
      ["decision", "allow"],
    ]);
    const { access_token } = await tokensOf(
      await claude.exchange(back.at.searchParams.get("code")!),
    );
    const { principal } = await server.app.authenticator.authenticate(`Bearer ${access_token}`);
    expect(principal).toMatchObject({ id: "bob", scope: "read" });
  });
});

describe("a registration", () => {
  it("shortens a long name by whole characters", async () => {
    const { claude } = await start();
    const answer = await claude.register({ client_name: `a${"😀".repeat(99)}` });
    const { client_name } = (await answer.json()) as { client_name: string };
    expect(client_name).toMatch(/^a(😀)+$/u);
  });

  it("gives no secret, whatever it asks for, and no other grant", async () => {
    const { claude } = await start();
    const answer = await claude.register({
      token_endpoint_auth_method: "client_secret_post",
      grant_types: ["password", "client_credentials"],
      scope: "admin",
    });
    const metadata = (await answer.json()) as Record<string, unknown>;
    expect(metadata).toMatchObject({
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
    });
    expect(metadata).not.toHaveProperty("client_secret");
  });

  it("is bounded", async () => {
    const { claude } = await start();
    for (const [metadata, status] of [
      [{ redirect_uris: Array.from({ length: 21 }, (_, n) => `https://a.example/${n}`) }, 400],
      [{ redirect_uris: [`https://a.example/${"x".repeat(2_000)}`] }, 400],
      [{ client_uri: `https://a.example/${"x".repeat(2_000)}` }, 400],
      [{ redirect_uris: [] }, 400],
      [{ redirect_uris: "https://a.example" }, 400],
      [{ client_name: "x".repeat(70_000) }, 413],
    ] as const) {
      const answer = await claude.register(metadata);
      expect(answer.status).toBe(status);
      const { error } = (await answer.json()) as { error: string };
      if ("redirect_uris" in metadata) expect(error).toBe("invalid_redirect_uri");
      else expect(error).toMatch(/^invalid_(client_metadata|request)$/);
    }
  });

  it("can be made so often from one network, also through a proxy", async () => {
    const { claude } = await start();
    const from = (address: string) =>
      fetch(`${claude.origin}/register`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": address },
        body: JSON.stringify({ redirect_uris: [claude.redirect] }),
      });
    const some = await Promise.all(
      Array.from({ length: 21 }, (_, n) => from(`2a00:1450:0:1::${n.toString(16)}`)),
    );
    expect(some.filter(({ status }) => status === 429)).toHaveLength(1);
    expect((await from("2a00:1450:0:2::1")).status).toBe(201);
  });

  it("can be made so often from one address", async () => {
    const { claude } = await start();
    const answers = await Promise.all(Array.from({ length: 25 }, () => claude.register({})));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBe(6);
    expect(refused[0]!.headers.get("retry-after")).toMatch(/^\d+$/);
  });
});
