// Passkeys: what they open, what ends them, and what does not get in with one.
import { beforeEach, describe, expect, it } from "vitest";
import { Authenticator, type Forged } from "../support/authenticator.ts";
import { command } from "../support/command.ts";
import { openDatabase } from "../support/database.ts";
import { Program } from "../support/oauth-program.ts";
import { Person } from "../support/oauth.ts";
import { type KeyedServer, serveWithKeys } from "../support/people.ts";
import { freePort } from "../support/ports.ts";
import { rows } from "../support/rows.ts";

let server: KeyedServer;
let site: string;
let key: string;

beforeEach(async () => {
  const port = await freePort();
  site = `http://localhost:${port}`;
  server = await serveWithKeys({ "auth-server": "true", "public-url": site, port });
  key = await server.key("ana");
});

/** A browser at the public address, without a session. */
const browser = () => new Person(site, "");

const post = (person: Person, path: string, fields: Record<string, string>, origin = site) =>
  person.ask(path, { method: "POST", body: new URLSearchParams(fields), headers: { origin } });

type Challenge = Parameters<Authenticator["get"]>[0];
const challengeFor = async (person: Person): Promise<Challenge> =>
  (await (await post(person, "/console/sign-in/passkey/options", {})).json()) as Challenge;

const send = (person: Person, response: unknown, next = "") =>
  post(person, "/console/sign-in/passkey", { response: JSON.stringify(response), next });

/** Signs in with a passkey, as browsers do, or in another way. */
const signIn = async (person: Person, authenticator: Authenticator, forged?: Forged) =>
  send(person, authenticator.get(await challengeFor(person), forged));

/** A browser that has signed in with a key. */
async function signedIn(text = key): Promise<Person> {
  const person = browser();
  const answer = await post(person, "/console/sign-in", { key: text });
  expect(answer.status).toBe(303);
  return person;
}

async function tokenOf(person: Person): Promise<string> {
  const page = await (await person.ask("/console/account")).text();
  return /name="_token" value="([^"]+)"/.exec(page)![1]!;
}

async function enrol(
  person: Person,
  { authenticator = new Authenticator(site), forged = {}, label = "Phone" } = {},
): Promise<{ authenticator: Authenticator; answer: Response }> {
  const _token = await tokenOf(person);
  const asked = await post(person, "/console/account/passkeys/options", { _token });
  const made = authenticator.create((await asked.json()) as Challenge, forged);
  const fields = { _token, label, response: JSON.stringify(made) };
  return { authenticator, answer: await post(person, "/console/account/passkeys", fields) };
}

async function enrolled(person?: Person): Promise<Authenticator> {
  const { authenticator, answer } = await enrol(person ?? (await signedIn()));
  expect(answer.status).toBe(200);
  return authenticator;
}

const isIn = async (person: Person): Promise<boolean> =>
  (await person.ask("/console/account")).status === 200;

describe("a passkey", () => {
  it("signs its person in, leads on within the console, and is listed", async () => {
    const passkey = await enrolled();
    const ana = browser();
    const challenge = await challengeFor(ana);
    const answer = await send(ana, passkey.get(challenge), "/console/search?q=x");
    expect(await answer.json()).toEqual({ next: "/console/search?q=x" });
    const page = await (await ana.ask("/console/account")).text();
    expect(page).toContain("<h1>ana</h1>");
    expect(page).toContain("May read and change.");
    expect(page).toContain("Phone");
    const away = await send(ana, passkey.get(await challengeFor(ana)), "https://evil.example/");
    expect(await away.json()).toEqual({ next: "/console" });
    const audit = rows(server.folder, "SELECT action, subject FROM audit WHERE principal = 'ana'");
    const [stored] = await server.app.passkeys.list("ana");
    expect(audit).toContainEqual({ action: "passkey added", subject: stored!.id });
    expect(audit).toContainEqual({ action: "signed in", subject: `passkey ${stored!.id}` });
  });

  it("has the scope of the sign-in that enrolled it", async () => {
    const reader = await signedIn(await server.key("ben", { scope: "read" }));
    const passkey = await enrolled(reader);
    const ben = browser();
    await signIn(ben, passkey);
    expect(await (await ben.ask("/console/account")).text()).toContain("May read.");
    // One that enrols another gives it no more, and no longer.
    await enrolled(ben);
    const scopes = (await server.app.passkeys.list("ben")).map(({ scope, keyId }) => [
      scope,
      keyId,
    ]);
    expect(scopes[1]).toEqual(scopes[0]);
  });

  it("ends with the key behind it, and what it has let in ends, too", async () => {
    const passkey = await enrolled();
    const ana = browser();
    await signIn(ana, passkey);
    const claude = await Program.registered(`${site}/mcp`);
    const { access_token: token } = await claude.tokens(ana);
    await server.app.keys.revoke(key.split("_")[1]!);
    expect(await isIn(ana)).toBe(false);
    expect(await claude.knock(token)).toBe(401);
    expect((await signIn(browser(), passkey)).status).toBe(401);
  });

  it("of a command's link lives on its own, until it is removed, with all that it let in", async () => {
    const { browserSessions, authenticator } = server.app;
    const secret = await browserSessions.link({ principal: "ana", scope: "write" });
    const first = browser();
    const path = `/console/link/${secret}?next=/console/account`;
    const led = await post(first, path, {});
    expect(led.headers.get("location")).toBe("/console/account");
    const passkey = await enrolled(first);
    const ana = browser();
    await signIn(ana, passkey);
    const claude = await Program.registered(`${site}/mcp`);
    const { access_token: token } = await claude.tokens(ana);
    const [{ id } = { id: "" }] = await server.app.passkeys.list("ana");
    const [grant] = await server.app.grants.list("ana");
    expect(await authenticator.stillHold(`passkey ${id}`)).toBe(true);
    for (const key of await server.app.keys.list()) await server.app.keys.revoke(key.id);
    const doctor = await command(["doctor", "--json", "--data-dir", server.folder], {
      env: { HOLDFAST_AUTH_SERVER: "true" },
    });
    expect(doctor.stdout).toContain("A sign-in is required: 1 passkey, and no valid key.");
    expect(await isIn(ana)).toBe(true);
    const removal = { _token: await tokenOf(first) };
    await post(first, `/console/account/passkeys/${id}/remove`, removal);
    expect(await isIn(ana)).toBe(false);
    expect(await isIn(first)).toBe(true); // signed in by the link
    expect(await claude.knock(token)).toBe(401);
    expect(await authenticator.stillHold(`passkey ${id}`)).toBe(false);
    expect(await authenticator.stillHold(`grant ${grant!.id}`)).toBe(false);
    expect((await signIn(browser(), passkey)).status).toBe(401);
  });

  it("is removed by its person only", async () => {
    await enrolled();
    const [{ id } = { id: "" }] = await server.app.passkeys.list("ana");
    const ben = await signedIn(await server.key("ben", { scope: "admin" }));
    const removal = { _token: await tokenOf(ben) };
    const refused = await post(ben, `/console/account/passkeys/${id}/remove`, removal);
    expect(refused.status).toBe(404);
    expect(await server.app.passkeys.list("ana")).toHaveLength(1);
  });
});

describe("a lesser sign-in", () => {
  it("removes no passkey that may do more", async () => {
    await enrolled();
    const [{ id } = { id: "" }] = await server.app.passkeys.list("ana");
    const reader = await signedIn(await server.key("ana", { scope: "read" }));
    const removal = { _token: await tokenOf(reader) };
    const refused = await post(reader, `/console/account/passkeys/${id}/remove`, removal);
    expect(refused.status).toBe(403);
    expect(await server.app.passkeys.list("ana")).toHaveLength(1);
  });

  it("by a link stays one, also as the operator", async () => {
    const secret = await server.app.browserSessions.link({ principal: "local", scope: "read" });
    const reader = browser();
    await post(reader, `/console/link/${secret}`, {});
    expect(await (await reader.ask("/console/account")).text()).toContain("May read.");
    expect((await reader.ask("/console/health")).status).toBe(403);
  });
});

it("a device can be enrolled again when the key behind its passkey has ended", async () => {
  const device = await enrolled();
  await server.app.keys.revoke(key.split("_")[1]!);
  const ana = await signedIn(await server.key("ana"));
  const asked = await post(ana, "/console/account/passkeys/options", {
    _token: await tokenOf(ana),
  });
  expect(await asked.json()).toMatchObject({ excludeCredentials: [] });
  await enrolled(ana);
  expect((await signIn(browser(), device)).status).toBe(401);
  expect(await server.app.passkeys.list("ana")).toHaveLength(1);
});

describe("a sign-in with a passkey is refused when", () => {
  const forgeries: Record<string, Forged> = {
    "another site's page asked for it": { origin: "https://evil.example" },
    "a page of another port asked for it": { origin: "http://localhost:1" },
    "it was signed for another site": { rpId: "evil.example" },
    "its person was not asked who they are": { verified: false },
    "the challenge is not of this server": { challenge: "A".repeat(43) },
    "it is given out as somebody else's": { userHandle: "AAAA" },
  };

  it("a part of what was signed is not what this site asked for", async () => {
    const passkey = await enrolled();
    const stranger = browser();
    for (const [what, forged] of Object.entries(forgeries)) {
      expect((await signIn(stranger, passkey, forged)).status, what).toBe(401);
      expect(await isIn(stranger)).toBe(false);
    }
    expect((await signIn(stranger, passkey)).status).toBe(200);
  });
  it("it was used before", async () => {
    const passkey = await enrolled();
    const ana = browser();
    const response = passkey.get(await challengeFor(ana));
    const answers = await Promise.all([send(browser(), response), send(browser(), response)]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401]);
    expect((await send(browser(), response)).status).toBe(401);
  });

  it("its challenge was for an enrolment, or has expired", async () => {
    const ana = await signedIn();
    const passkey = await enrolled(ana);
    const _token = await tokenOf(ana);
    const asked = await post(ana, "/console/account/passkeys/options", { _token });
    const { challenge } = (await asked.json()) as Challenge;
    expect((await signIn(browser(), passkey, { challenge })).status).toBe(401);
    const late = passkey.get(await challengeFor(ana));
    const database = openDatabase(server.folder, { readonly: false });
    database.exec("UPDATE passkey_challenges SET expires_at = expires_at - 300001");
    database.close();
    expect((await send(browser(), late)).status).toBe(401);
  });

  it("its counter does not grow, as a copy's does not, which is noted", async () => {
    const { authenticator } = await enrol(await signedIn(), { forged: { counter: 3 } });
    const counts = async (counter: number) =>
      (await signIn(browser(), authenticator, { counter })).status;
    expect([await counts(7), await counts(7), await counts(5), await counts(0)]).toEqual([
      200, 401, 401, 401,
    ]);
    expect(await counts(8)).toBe(200);
    const noted = rows(server.folder, "SELECT * FROM audit WHERE action = 'passkey refused'");
    expect(noted).toHaveLength(3);
  });

  it("its signature is another's, or is none", async () => {
    const passkey = await enrolled();
    const other = new Authenticator(site);
    const stranger = browser();
    const mine = passkey.get(await challengeFor(stranger)) as { id: string };
    const { response } = other.get(await challengeFor(stranger)) as { response: object };
    for (const forged of [{ ...mine, response }, { id: mine.id }, null, "x", { id: 1 }])
      expect((await send(stranger, forged)).status).toBe(401);
    expect(await isIn(stranger)).toBe(false);
  });

  it("its address has failed too often, with keys or passkeys", async () => {
    const passkey = await enrolled();
    const stranger = browser();
    const tries = Array.from({ length: 5 }, () => send(stranger, {}));
    const keys = Array.from({ length: 5 }, () => post(stranger, "/console/sign-in", { key: "x" }));
    await Promise.all([...tries, ...keys]);
    expect((await signIn(stranger, passkey)).status).toBe(429);
    expect((await post(stranger, "/console/sign-in", { key })).status).toBe(429);
    const asked = Array.from({ length: 61 }, () =>
      post(stranger, "/console/sign-in/passkey/options", {}),
    );
    const answers = (await Promise.all(asked)).map(({ status }) => status);
    expect(answers.filter((status) => status === 429).length).toBeGreaterThan(0);
  });

  it("it comes from another site's page", async () => {
    const passkey = await enrolled();
    const ana = browser();
    const response = JSON.stringify(passkey.get(await challengeFor(ana)));
    const answer = await post(
      ana,
      "/console/sign-in/passkey",
      { response },
      "https://evil.example",
    );
    expect(answer.status).toBe(403);
    expect(await isIn(ana)).toBe(false);
  });
});

describe("an enrolment is refused", () => {
  it("without a session, without its token, and for another's challenge", async () => {
    const stranger = await post(browser(), "/console/account/passkeys/options", {});
    expect(stranger.status).toBe(303); // to the sign-in
    const ana = await signedIn();
    const forged = await post(ana, "/console/account/passkeys/options", { _token: "x" });
    expect(forged.status).toBe(403);
    const ben = await signedIn(await server.key("ben"));
    const _token = await tokenOf(ben);
    const asked = await post(ben, "/console/account/passkeys/options", { _token });
    const { challenge } = (await asked.json()) as Challenge;
    expect((await enrol(ana, { forged: { challenge } })).answer.status).toBe(400);
    expect(await server.app.passkeys.list()).toEqual([]);
  });

  it("for another site's page, another site, or without proof of the person", async () => {
    const ana = await signedIn();
    const forgeries: Forged[] = [
      ...[{ origin: "https://evil.example" }, { rpId: "evil.example" }, { verified: false }],
    ];
    for (const forged of forgeries) expect((await enrol(ana, { forged })).answer.status).toBe(400);
    expect(await server.app.passkeys.list()).toEqual([]);
  });

  it("never for what a browser says of its device, of which only known words are stored", async () => {
    const ana = await signedIn();
    for (const transports of ["internal", { usb: true }, ["usb", "usb", "x".repeat(10_000), 1]])
      expect((await enrol(ana, { forged: { transports } })).answer.status).toBe(200);
    const stored = (await server.app.passkeys.list("ana")).map((passkey) => passkey.transports);
    expect(stored).toEqual([[], [], ["usb"]]);
  });

  it("of a passkey that is known, of one too many, and under a name that is too long", async () => {
    const ana = await signedIn();
    const authenticator = await enrolled(ana);
    const ben = await signedIn(await server.key("ben"));
    expect((await enrol(ben, { authenticator })).answer.status).toBe(400);
    expect((await enrol(ana, { label: "x".repeat(101) })).answer.status).toBe(400);
    const [stored] = await server.app.storage.passkeys.list("ana");
    for (let n = 1; n < 20; n += 1)
      await server.app.storage.passkeys.create(
        { ...stored!, id: `${n}`, credentialId: `${n}` },
        99,
      );
    const { answer } = await enrol(ana);
    expect(await answer.json()).toEqual({ fault: "You have 20 passkeys: remove one first." });
  });
});

it("commands list passkeys beside the server, and remove them at once", async () => {
  const passkey = await enrolled();
  const ana = browser();
  await signIn(ana, passkey);
  const place = ["--data-dir", server.folder];
  const listed = await command(["passkeys", "list", "--principal", "ana", "--json", ...place]);
  const [one] = JSON.parse(listed.stdout) as [Record<string, unknown>];
  expect(one).toMatchObject({ principal: "ana", name: "Phone", scopes: ["read", "write"] });
  expect(one["key"]).toBe(key.split("_")[1]);
  const removed = await command(["passkeys", "remove", String(one["id"]), ...place]);
  expect(removed.stdout).toContain("is removed");
  expect(await isIn(ana)).toBe(false);
  expect((await command(["passkeys", "list", ...place])).stdout).toContain(
    "There are no passkeys.",
  );
  const again = await command(["passkeys", "remove", String(one["id"]), ...place]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining("There is no passkey")]);
});

it("a server at a bare address offers none", async () => {
  const bare = await serveWithKeys();
  const ana = new Person(bare.url, "");
  const origin = new URL(bare.url).origin;
  await post(ana, "/console/sign-in", { key: await bare.key("ana") }, origin);
  expect(await (await ana.ask("/console/account")).text()).toContain("localhost");
  const asked = await post(ana, "/console/sign-in/passkey/options", {}, origin);
  expect(asked.status).toBe(400);
});
