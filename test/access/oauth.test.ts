// The OAuth resource server: whose tokens are accepted, what they allow, how clients find the way to one, and what
// happens while the issuer is away.
import { createPublicKey } from "node:crypto";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { UnsecuredJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bearer, callAs, createKey, introduceAs, knock, toolsOf } from "../support/bearer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type Here, serveAtTime, serveHere } from "../support/here.ts";
import { type Issuer, makeKey, startIssuer } from "../support/issuer.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { startServer } from "../support/process.ts";
import { type Answer, introduce, read } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const SILENT = { "log-level": "silent" };

let issuer: Issuer;
let here: Here;

const serve = (config: Record<string, string> = {}): Promise<Here> =>
  serveHere({ config: { "auth-issuer": issuer.url, ...SILENT, ...config } });

/** A good token, but for what the claims say. */
const token = (claims: object = {}, options = {}): Promise<string> =>
  issuer.token({ sub: "alice", aud: here.url, ...claims }, options);

const challenge = ({ headers }: Answer): string => headers.get("www-authenticate") ?? "";

beforeEach(async () => {
  issuer = await startIssuer();
  here = await serve();
});

describe("a token of the issuer", () => {
  it("opens the sessions of its issuer and subject, whichever token it is", async () => {
    const first = await introduceAs(here.url, await token());
    await first.call("state_set", { key: "k", value: 1 });
    const session = first.id;

    const [again, other] = [await token({ jti: "2" }), await token({ sub: "bob" })];
    expect((await callAs(here.url, again, "state_get", { session, key: "k" })).data).toMatchObject({
      value: 1,
    });
    const foreign = await callAs(here.url, other, "state_get", { session, key: "k" });
    const missing = crypto.randomUUID();
    const none = await callAs(here.url, other, "state_get", { session: missing, key: "k" });
    expect(foreign.isError).toBe(true);
    expect(foreign.text.replaceAll(session, missing)).toBe(none.text);
    expect(rows(here.folder, "SELECT DISTINCT owner FROM clients")).toEqual([
      { owner: `${issuer.url}#alice` },
    ]);
  });

  it("is never the principal local, whatever its subject", async () => {
    const folder = temporaryFolder();
    const before = await serveHere({ folder });
    const local = await introduce(before.url);
    await local.call("state_set", { key: "k", value: "local's" });
    await before.stop();

    here = await serveHere({ folder, config: { "auth-issuer": issuer.url } });
    const named = await token({ sub: "local" });
    const answer = await callAs(here.url, named, "state_get", { session: local.id, key: "k" });
    expect(answer.isError).toBe(true);
    expect(answer.text).not.toContain("local's");
    expect((await callAs(here.url, named, "session_list")).data["sessions"]).toEqual([]);
    expect((await knock(here.url)).status).toBe(401);
  });

  it.each([
    ["several audiences", () => token({ aud: ["https://other.example", here.url] })],
    ["its type in full", () => token({}, { typ: "application/AT+JWT" })],
    ["a clock that is three seconds behind", () => token({ exp: seconds() - 3 })],
  ])("may have %s", async (_, make) => {
    expect((await knock(here.url, await make())).status).toBe(200);
  });

  it("must say that it is an access token, unless the setting takes a plain JWT", async () => {
    const plain = () => Promise.all(["JWT", undefined].map((typ) => token({}, { typ })));
    for (const one of await plain()) {
      const answer = await knock(here.url, one);
      expect([answer.status, challenge(answer)]).toEqual([
        ...[401, expect.stringMatching(/error="invalid_token".*at\+jwt.*auth-plain-jwt/)],
      ]);
    }
    here = await serve({ "auth-plain-jwt": "true" });
    for (const one of await plain()) expect((await knock(here.url, one)).status).toBe(200);
    expect((await knock(here.url, await token())).status).toBe(200);
    const other = await token({}, { typ: "logout+jwt" });
    expect((await knock(here.url, other)).status).toBe(401);
  });

  it("may be for the whole host, as its metadata at the root names it, but not with an audience", async () => {
    const { origin } = new URL(here.url);
    for (const aud of [origin, `${origin}/`])
      expect((await knock(here.url, await token({ aud }))).status).toBe(200);
    here = await serve({ "auth-audience": "holdfast-at-home" });
    const aud = new URL(here.url).origin;
    expect((await knock(here.url, await token({ aud }))).status).toBe(401);
  });

  it("may be for an address below /mcp, or for one with a query", async () => {
    for (const rest of ["/work", "/work/", "?name=work"]) {
      const named = await token({ aud: here.url + rest });
      const client = await introduceAs(here.url + rest, named);
      await client.call("state_set", { key: rest, value: 1 });
    }
    const { data } = await callAs(`${here.url}/work`, await token(), "state_list");
    expect(data["entries"]).toHaveLength(3);
    for (const aud of [
      `${here.url}x/work`,
      new URL("../../../../../work", here.url).href,
      `${here.url}#work`,
    ])
      expect((await knock(`${here.url}/work`, await token({ aud }))).status).toBe(401);
  });

  it("names the audience of the setting, or the public address", async () => {
    here = await serve({ "auth-audience": "holdfast-at-home" });
    expect((await knock(here.url, await token())).status).toBe(401);
    expect((await knock(here.url, await token({ aud: "holdfast-at-home" }))).status).toBe(200);

    here = await serve({ "public-url": "https://mcp.example.org" });
    expect((await knock(here.url, await token())).status).toBe(401);
    const aud = "https://mcp.example.org/mcp";
    expect((await knock(here.url, await token({ aud }))).status).toBe(200);
  });
});

const seconds = (): number => Math.floor(Date.now() / 1000);

describe("a token is refused with 401 and a challenge when", () => {
  it.each<[string, () => Promise<string> | string]>([
    ["its audience is another", () => token({ aud: "https://other.example/mcp" })],
    ["its audience only begins like ours", () => token({ aud: `${here.url}x` })],
    ["it has no audience", () => token({ aud: undefined })],
    ["its issuer is another", () => token({ iss: "https://other.example" })],
    ["its issuer ends with a slash that ours has not", () => token({ iss: `${issuer.url}/` })],
    ["it has expired", () => token({ exp: seconds() - 60 })],
    ["it never expires", () => token({ exp: undefined })],
    ["it is not valid yet", () => token({ nbf: seconds() + 60 })],
    ["it has no subject", () => token({ sub: undefined })],
    ["its subject is empty", () => token({ sub: "" })],
    ["its subject is not a text", () => token({ sub: 7 })],
    ["its subject cannot be stored as it is", () => token({ sub: "a\ud800" })],
    ["its subject has a control character", () => token({ sub: "a\0" })],
    ["its subject is endless", () => token({ sub: "a".repeat(256) })],
    ["nobody knows its key", () => token({}, { kid: "key-7" })],
    ["another key has signed it", async () => token({}, { key: (await makeKey(1))[0] })],
    ["it is signed with nothing", () => unsigned({ sub: "alice", aud: here.url, scope: "admin" })],
    ["it is signed with the public key as a secret", () => confused("pem")],
    ["it is signed with the public JWK as a secret", () => confused("jwk")],
    ["it is for something else", () => token({}, { typ: "logout+jwt" })],
    ["its content was changed", async () => changed(await token({ scope: "read" }))],
    ["it is no token at all", () => "not.a.token"],
    ["it looks like a key", () => `hf_${"0".repeat(12)}_${"A".repeat(43)}`],
  ])("%s", async (_, make) => {
    const wrong = await make();
    const answer = await knock(here.url, wrong);
    expect(answer.status).toBe(401);
    expect(challenge(answer)).toMatch(/^Bearer error="invalid_token"/);
    expect(challenge(answer)).toContain(
      `resource_metadata="${new URL("/.well-known/oauth-protected-resource/mcp", here.url).href}"`,
    );
    expect(answer.text + challenge(answer)).not.toContain(wrong);
    expect(rows(here.folder, "SELECT * FROM clients")).toEqual([]);
  });

  const unsigned = (claims: Record<string, unknown>): string =>
    new UnsecuredJWT({ iss: issuer.url, exp: seconds() + 60, ...claims }).encode();

  /** The confusion of algorithms: what everybody knows, taken for a secret. */
  function confused(as: "pem" | "jwk"): Promise<string> {
    const jwk = issuer.publicKey as Record<string, string>;
    const pem = createPublicKey({ key: jwk, format: "jwk" }).export({
      type: "spki",
      format: "pem",
    });
    const secret = as === "pem" ? pem : JSON.stringify(jwk);
    return token({}, { alg: "HS256", key: new TextEncoder().encode(secret) });
  }

  function changed(good: string): string {
    const [header, payload, signature] = good.split(".");
    const claims = JSON.parse(Buffer.from(payload!, "base64url").toString()) as object;
    const more = Buffer.from(JSON.stringify({ ...claims, scope: "admin" })).toString("base64url");
    return [header, more, signature].join(".");
  }
});

describe("scopes", () => {
  it.each<[string, object, boolean]>([
    ["read", { scope: "read" }, false],
    ["read, among others", { scope: "openid profile read" }, false],
    ["read, as a list", { scope: undefined, scp: ["read"] }, false],
    ["write, which includes read", { scope: "write" }, true],
    ["write with a prefix", { scope: "holdfast:write" }, true],
    ["the higher of two", { scope: "read", scp: "holdfast:write" }, true],
    ["admin, which includes both", { scope: undefined, scp: ["admin"] }, true],
  ])("%s: what the token may do, in both eras", async (_, claims, writes) => {
    const it = await token(claims);
    const client = await introduceAs(here.url, it);
    expect((await client.call("session_info")).isError).toBe(false);
    const args = { role: "user", content: "hello" };
    for (const answer of [
      await client.call("history_append", args),
      await callAs(here.url, it, "history_append", args),
    ]) {
      expect(answer.status).toBe(writes ? 200 : 403);
      if (writes) continue;
      expect(challenge(answer)).toMatch(/^Bearer error="insufficient_scope".*, scope="write", /);
      expect(challenge(answer)).toContain("/.well-known/oauth-protected-resource/mcp");
    }
    expect((await callAs(here.url, it, "session_list")).status).toBe(200);
  });

  it.each<[string, object]>([
    ["unknown", { scope: "openid everything" }],
    ["missing", { scope: undefined }],
    ["nonsense", { scope: { read: true }, scp: 7 }],
    ["only similar", { scope: "reads other:read holdfast:holdfast:read READ" }],
  ])("%s scopes are refused with 403 and the scopes to ask for", async (_, claims) => {
    const answer = await knock(here.url, await token(claims));
    expect(answer.status).toBe(403);
    expect(challenge(answer)).toMatch(/^Bearer error="insufficient_scope".*scope="read write"/);
  });
});

describe("the way to a token", () => {
  it.each([
    ["", "/"],
    ["/", "/"],
    ["/mcp", "/mcp"],
    ["/mcp/", "/mcp"],
  ])(
    "is told at /.well-known/oauth-protected-resource%s, for the address %s",
    async (path, resource) => {
      const address = new URL(`/.well-known/oauth-protected-resource${path}`, here.url);
      const document = (await (await fetch(address)).json()) as object;
      expect(document).toEqual({
        resource: new URL(resource, here.url).href,
        authorization_servers: [issuer.url],
        scopes_supported: ["read", "write"],
        resource_name: "Holdfast",
      });
    },
  );

  it("is told below its address for /mcp/NAME, whose challenge leads there", async () => {
    for (const path of ["/work", "/my%20w%C3%B6rk"]) {
      const metadata = new URL(`/.well-known/oauth-protected-resource/mcp${path}`, here.url);
      expect(challenge(await knock(here.url + path))).toContain(
        `resource_metadata="${metadata.href}"`,
      );
      for (const address of [metadata, `${metadata.href}/`])
        expect(await (await fetch(address)).json()).toMatchObject({
          ...{ resource: here.url + path, authorization_servers: [issuer.url] },
        });
    }
  });

  it("is told with the public address, under which requests may come", async () => {
    here = await serve({ "public-url": "https://mcp.example.org" });
    const address = new URL("/.well-known/oauth-protected-resource/mcp", here.url);
    expect(await (await fetch(address)).json()).toMatchObject({
      resource: "https://mcp.example.org/mcp",
    });
    expect(challenge(await knock(here.url))).toContain(
      'resource_metadata="https://mcp.example.org/.well-known/oauth-protected-resource/mcp"',
    );
  });

  it("is the issuer's for clients that take us for one, and none of ours", async () => {
    for (const name of ["oauth-authorization-server", "openid-configuration"]) {
      for (const path of ["", "/mcp", "/mcp/work"]) {
        const answer = await fetch(new URL(`/.well-known/${name}${path}`, here.url), {
          redirect: "manual",
        });
        expect([answer.status, answer.headers.get("location")]).toEqual([
          ...[307, new URL(`/.well-known/${name}`, issuer.url).href],
        ]);
      }
    }
    const answer = await fetch(new URL("/register", here.url), { method: "POST", body: "{}" });
    const { error_description } = (await answer.json()) as { error_description: string };
    expect([answer.status, error_description]).toEqual([400, expect.stringContaining(issuer.url)]);
  });

  it("is not there without an issuer", async () => {
    const { url } = await serveHere();
    const address = new URL("/.well-known/oauth-protected-resource", url);
    expect((await fetch(address)).status).toBe(404);
  });

  it.each([
    ["v1", ""],
    ["v2", ""],
    ["v1", "/work"],
    ["v2", "/work"],
    ["v2", "?name=work"],
  ] as const)("is found by the %s client, by itself, at /mcp%s", async (version, rest) => {
    const authProvider = new ClientCredentialsProvider({
      ...{ clientId: "robot", clientSecret: "secret", expectedIssuer: issuer.url },
      scope: "read write", // the v1 client does not take it from the challenge
    });
    expect(await toolsOf(version, here.url + rest, { authProvider })).toContain("session_open");
    expect(rows(here.folder, "SELECT owner FROM clients")).toEqual([
      { owner: `${issuer.url}#robot` },
    ]);
  });
});

it("keys and tokens work side by side, each for its own principal", async () => {
  const { key } = await createKey(here.folder, "--principal", "carol");
  const [byKey, byToken] = [
    await introduceAs(here.url, key as string),
    await introduceAs(here.url, await token()),
  ];
  for (const client of [byKey, byToken]) {
    expect((await client.call("state_set", { key: "k", value: 1 })).isError).toBe(false);
  }
  const stolen = await read(
    await byToken.post({ jsonrpc: "2.0", id: 9, method: "ping" }, bearer(key as string)),
  );
  expect(stolen.status).toBe(404);
  expect(rows(here.folder, "SELECT owner FROM sessions ORDER BY owner")).toEqual([
    { owner: "carol" },
    { owner: `${issuer.url}#alice` },
  ]);
});

describe("the issuer", () => {
  afterEach(() => vi.useRealTimers());

  it("may change its keys: the new ones are fetched, the old ones are worth nothing", async () => {
    const old = await token();
    expect((await knock(here.url, old)).status).toBe(200);
    await issuer.rotate();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    expect((await knock(here.url, await token())).status).toBe(200);
    expect((await knock(here.url, old)).status).toBe(401);
  });

  it("is asked for its keys once, not for every token", async () => {
    const tokens = await Promise.all([1, 2, 3].map((n) => token({ sub: `user-${n}` })));
    const wrong = await Promise.all([1, 2, 3].map((n) => token({}, { kid: `guess-${n}` })));
    await Promise.all([...tokens, ...wrong].map((one) => knock(here.url, one)));
    expect(issuer.asked.filter((path) => path === "/keys").length).toBeLessThanOrEqual(2);
    expect(issuer.asked.filter((path) => path.includes("oauth-authorization"))).toHaveLength(1);
  });

  it.each([
    ["OpenID Connect discovery", "", "/.well-known/openid-configuration"],
    ["a path behind", "/tenant", "/.well-known/oauth-authorization-server/tenant"],
    ["a path before", "/tenant", "/tenant/.well-known/openid-configuration"],
  ])("may tell its keys through %s", async (_, path, metadataPath) => {
    issuer = await startIssuer({ path, metadataPath });
    here = await serve();
    expect((await knock(here.url, await token())).status).toBe(200);
  });

  it("may be down at the start and come up later; keys of our own work all the while", async () => {
    const [clock, { port }] = [new ManualClock(Date.now()), issuer];
    await issuer.close();
    here = await serveAtTime(clock, { "auth-issuer": issuer.url, ...SILENT });
    const { key } = await createKey(here.folder, "--principal", "carol");

    const good = await token();
    for (const answer of [await knock(here.url, good), await knock(here.url, good)]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(answer.messages).toMatchObject([
        { error: { code: -32603, message: expect.stringContaining("issuer") as string } },
      ]);
    }
    expect((await knock(here.url, key as string)).status).toBe(200);
    expect((await knock(here.url)).status).toBe(401);

    issuer = await startIssuer({ port });
    clock.advance(3_000);
    expect((await knock(here.url, await token())).status).toBe(200);
    await issuer.close();
    expect((await knock(here.url, await token())).status).toBe(200); // its keys are known by now
  });

  it("is not asked again for each call while it fails", async () => {
    issuer.failing = { status: 500, body: "{}" };
    const good = await token();
    const clock = new ManualClock(Date.now());
    here = await serveAtTime(clock, { "auth-issuer": issuer.url, ...SILENT });
    for (let n = 0; n < 10; n++) expect((await knock(here.url, good)).status).toBe(503);
    const asked = issuer.asked.length;
    expect(asked).toBe(2); // one attempt: both places of its metadata
    clock.advance(3_000);
    await knock(here.url, good);
    expect(issuer.asked.length).toBe(2 * asked);
  });

  it.each<[string, object, Issuer["failing"]]>([
    ["is somebody else", { issuer: "http://other.example" }, undefined],
    ["has no keys", { jwks_uri: undefined }, undefined],
    ["has its keys where others can change them", { jwks_uri: "http://id.example/" }, undefined],
    ["has keys that are none", { jwks_uri: "data:application/json,{}" }, undefined],
    ["answers with a page", {}, { status: 200, body: "<html>" }],
    ["answers with nonsense", {}, { status: 200, body: '{"keys":7,"issuer":null}' }],
    ["sends us elsewhere", {}, { status: 302, body: "", headers: { location: "/keys" } }],
  ])("that %s gives 503, not access and not a crash", async (_, metadata, failing) => {
    issuer = await startIssuer({ metadata });
    issuer.failing = failing;
    here = await serve();
    expect((await knock(here.url, await token())).status).toBe(503);
    expect((await fetch(new URL("/healthz", here.url))).status).toBe(200);
  });
});

it("no token is ever written to the log, whatever becomes of it", async () => {
  const folder = temporaryFolder();
  const server = await startServer({
    folder,
    args: ["--auth-issuer", issuer.url, "--log-level", "debug"],
  });
  const claims = { sub: "alice", aud: server.url };
  const tokens = [
    await issuer.token(claims),
    await issuer.token({ ...claims, aud: "https://other.example" }),
    await issuer.token({ ...claims, scope: "none" }),
  ];
  issuer.failing = { status: 500, body: "{}" };
  expect((await knock(server.url, tokens[0])).status).toBe(503);
  issuer.failing = undefined;
  await expect.poll(async () => (await knock(server.url, tokens[0])).status).toBe(200);
  expect((await knock(server.url, tokens[1])).status).toBe(401);
  expect((await knock(server.url, tokens[2])).status).toBe(403);
  expect(await server.stop()).toBe(0);
  expect(server.errors()).toContain("issuer"); // the failure is told
  for (const text of [server.errors(), JSON.stringify(rows(folder, "SELECT * FROM clients"))]) {
    for (const one of tokens) expect(text).not.toContain(one.split(".")[2]);
  }
});
