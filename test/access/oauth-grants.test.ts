// Tokens of our own authorization server: how they are renewed, what they open, and what ends them.
import { beforeEach, describe, expect, it } from "vitest";
import { bearer } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { errorOf, Program, tokensOf } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";

const OWN = { "auth-server": "true" };

let server: KeyedServer;
let ana: Person;
let key: string;
let claude: Program;

beforeEach(async () => {
  server = await serveWithKeys(OWN);
  key = await server.key("ana");
  ana = new Person(server.url, key);
  claude = await Program.registered(server.url);
});

/** Change what is stored, from outside. */
function change(statement: string): void {
  const database = openDatabase(server.folder, { readonly: false });
  database.exec(statement);
  database.close();
}

const passMinutes = (minutes: number): void =>
  change(`UPDATE oauth_records SET consumed_at = consumed_at - ${minutes * 60_000}`);

const call = (token: string, name: string, args: object) =>
  fetch(server.url, {
    method: "POST",
    headers: { ...bearer(token), "content-type": "application/json" },
    body: JSON.stringify({
      ...{ jsonrpc: "2.0", id: 1, method: "tools/call" },
      params: {
        ...{ name, arguments: args },
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
          "io.modelcontextprotocol/clientCapabilities": {},
        },
      },
    }),
  });

describe("an access token", () => {
  it("opens the same memory as the person's key", async () => {
    const { access_token } = await claude.tokens(ana);
    const program = await server.person("ana");
    await program.call("state_set", { key: "k", value: 7 });
    const { principal } = await server.app.authenticator.authenticate(`Bearer ${access_token}`);
    expect(principal).toMatchObject({ id: "ana", scope: "write" });
  });

  it("is for the memory of stdio, where its person has signed in as local", async () => {
    const secret = await server.app.browserSessions.link({ principal: "local", scope: "admin" });
    const operator = new Person(server.url, "");
    const headers = { origin: claude.origin };
    await operator.ask(`/console/link/${secret}`, { method: "POST", headers });
    const { access_token } = await claude.tokens(operator);
    const { principal } = await server.app.authenticator.authenticate(`Bearer ${access_token}`);
    expect(principal).toMatchObject({ id: "local", scope: "write" });
  });

  it("ends at once with the key that its person signed in with", async () => {
    const tokens = await claude.tokens(ana);
    expect(await claude.knock(tokens.access_token)).toBe(200);
    await server.app.keys.revoke(key.split("_")[1]!);
    expect(await claude.knock(tokens.access_token)).toBe(401);
    expect(await errorOf(await claude.refresh(tokens.refresh_token))).toBe("invalid_grant");
    expect(await server.app.grants.list("ana")).toEqual([]);
  });

  it("ends at once with its grant", async () => {
    const tokens = await claude.tokens(ana);
    const [grant] = await server.app.grants.list("ana");
    await server.app.grants.revoke(grant!.id);
    expect(await claude.knock(tokens.access_token)).toBe(401);
    expect(await errorOf(await claude.refresh(tokens.refresh_token))).toBe("invalid_grant");
  });

  it("is revoked by its client, with all that came of the same grant", async () => {
    const tokens = await claude.tokens(ana);
    const other = await Program.registered(server.url);
    expect((await other.revoke(tokens.refresh_token)).status).toBe(200);
    expect(await claude.knock(tokens.access_token)).toBe(200);
    expect((await claude.revoke(tokens.refresh_token)).status).toBe(200);
    expect(await claude.knock(tokens.access_token)).toBe(401);
    expect(await server.app.grants.list("ana")).toEqual([]);
  });

  it("has the scopes that its person has left", async () => {
    const { scope, access_token } = await claude.tokens(ana, ["read"]);
    expect(scope).toBe("read");
    const { principal } = await server.app.authenticator.authenticate(`Bearer ${access_token}`);
    expect(principal.scope).toBe("read");
  });

  it("never has more scopes than the key behind it", async () => {
    const reader = new Person(server.url, await server.key("ana", { scope: "read" }));
    const tokens = await claude.tokens(reader, ["read", "write"]);
    expect(tokens.scope).toBe("read");
  });

  it("never comes of an earlier grant without a question where the key may less", async () => {
    await claude.tokens(ana);
    for (const scope of ["read", "metrics"] as const) {
      const weaker = new Person(server.url, await server.key("ana", { scope }));
      const shown = await weaker.consent(claude.authorization());
      expect(shown.at.pathname, scope).toMatch(/^\/console\/authorize\//);
      expect(shown.page).not.toContain('value="write"');
    }
    expect(await server.app.grants.list("ana")).toHaveLength(1);
  });

  it("is not for another resource, and none is given out for one", async () => {
    const back = await ana.open(claude.authorization({ resource: "https://other.example/mcp" }));
    expect(back.page).toContain("error=invalid_target");
    const code = await claude.code(ana);
    expect(await errorOf(await claude.exchange(code, { resource: "https://other.example" }))).toBe(
      "invalid_target",
    );
  });

  it("is never stored, nor is a code or a sign-in's id", async () => {
    const shown = await ana.consent(claude.authorization({ prompt: "consent" }));
    const code = await claude.code(ana);
    const tokens = await claude.tokens(ana);
    const stored = JSON.stringify(rows(server.folder, "SELECT * FROM oauth_records"));
    expect(stored).toContain("codeChallenge");
    const secrets = [shown.at.pathname.split("/").at(-1)!, code];
    for (const secret of [...secrets, tokens.access_token, tokens.refresh_token])
      expect(stored).not.toContain(secret);
  });
});

describe("a refresh token", () => {
  it("is replaced at each use, and renews the access", async () => {
    const first = await claude.tokens(ana);
    const second = await tokensOf(await claude.refresh(first.refresh_token));
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await claude.knock(second.access_token)).toBe(200);
    expect(second.scope).toBe("read write");
  });

  it("may be used by several at the same time, as hosts do", async () => {
    const first = await claude.tokens(ana);
    const answers = await Promise.all([1, 2, 3].map(() => claude.refresh(first.refresh_token)));
    const tokens = await Promise.all(answers.map(tokensOf));
    for (const { access_token } of tokens) expect(await claude.knock(access_token)).toBe(200);
    await tokensOf(await claude.refresh(tokens[2]!.refresh_token));
  });

  it("works until its answer has arrived, however long that takes", async () => {
    const first = await claude.tokens(ana);
    await claude.knock(first.access_token);
    await tokensOf(await claude.refresh(first.refresh_token)); // is lost
    passMinutes(60);
    const second = await tokensOf(await claude.refresh(first.refresh_token));
    expect(await claude.knock(second.access_token)).toBe(200);
    await tokensOf(await claude.refresh(first.refresh_token)); // a host's other process
  });

  it("ends everything of its grant when it is used again a minute after that", async () => {
    const first = await claude.tokens(ana);
    const second = await tokensOf(await claude.refresh(first.refresh_token));
    expect(await claude.knock(second.access_token)).toBe(200);
    passMinutes(1);
    expect(await errorOf(await claude.refresh(first.refresh_token))).toBe("invalid_grant");
    expect(await claude.knock(second.access_token)).toBe(401);
    expect(await errorOf(await claude.refresh(second.refresh_token))).toBe("invalid_grant");
    expect(rows(server.folder, "SELECT * FROM oauth_records WHERE kind <> 'Interaction'")).toEqual(
      [],
    );
  });

  it("of another address of this server makes the program sign in again", async () => {
    const { refresh_token } = await claude.tokens(ana);
    change(
      `UPDATE oauth_records SET payload = json_set(payload, '$.resource', 'https://old.example/mcp')`,
    );
    expect(await errorOf(await claude.refresh(refresh_token))).toBe("invalid_grant");
  });

  it("belongs to its client", async () => {
    const { refresh_token } = await claude.tokens(ana);
    const other = await Program.registered(server.url);
    expect(await errorOf(await other.refresh(refresh_token))).toBe("invalid_grant");
    await tokensOf(await claude.refresh(refresh_token));
  });
});

it("a scope that the call needs is asked for in the refusal", async () => {
  const { access_token } = await claude.tokens(ana, ["read"]);
  const answer = await call(access_token, "state_set", { key: "k", value: 1 });
  expect(answer.status).toBe(403);
  expect(answer.headers.get("www-authenticate")).toMatch(/insufficient_scope.*scope="write"/);
});

it("a token of this server is nothing to a server with another issuer", async () => {
  const folder = temporaryFolder();
  const first = await serveHere({ folder, config: OWN });
  const { key: mine } = await first.app.keys.create({
    ...{ principal: "ana", scope: "write", lifetimeMs: Infinity },
  });
  const program = await Program.registered(first.url);
  const { access_token } = await program.tokens(new Person(first.url, mine));
  const credentials = `grant ${(await first.app.grants.list())[0]!.id}`;
  expect(await first.app.authenticator.stillHold(credentials)).toBe(true);
  await first.stop();
  const config = { "auth-issuer": "https://id.example.org" };
  const second = await serveHere({ folder, config });
  expect(await new Program(second.url).knock(access_token)).toBe(401);
  expect(await second.app.authenticator.stillHold(credentials)).toBe(false);
  expect((await new Program(second.url).register({})).status).toBe(400);
});
