// Each principal has an account of all that is stored for it: whoever is at its share is refused before others are.
import { describe, expect, it, onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { bearer } from "../support/bearer.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { listen } from "../support/listening.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { modernRequest, postModern } from "../support/modern.ts";
import { ERAS, type Person, serveWithKeys } from "../support/people.ts";
import { codeOf, initialize, post, read } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

const REQUEST_KEY = "holdfast/request-key";

const open = async (person: Person, more: object = {}): Promise<string> =>
  (await person.call("session_open", more)).data["session"] as string;

/** What the accounts say, and what they should. */
const accounts = (folder: string) =>
  ["usage", "usage_measured"].map((table) =>
    rows(
      folder,
      `SELECT owner, history_bytes, state_bytes, stored_bytes, program_bytes FROM ${table} ORDER BY owner`,
    ),
  );

it.each(ERAS)("an account follows whatever is stored and deleted, era of %s", async (era) => {
  const { person, folder, app } = await serveWithKeys();
  const [ana, bob] = [await person("ana", era), await person("bob", era)];
  const check = (): void => {
    const [kept, measured] = accounts(folder);
    expect(kept).toEqual(measured);
  };
  const session = await open(ana, { name: "work", title: "Über", system: "Be brief." });
  await ana.call("history_append", { session, role: "user", content: "héllo" });
  await ana.call("chat", { session, prompt: "What was said?" });
  for (const value of ["short", "a much longer value", 1])
    await ana.call("state_set", { session, key: "schlüssel", value });
  await ana.call("session_share", { session, principal: "bob", access: "write" });
  check();
  await bob.call("session_accept", { session });
  await bob.call("state_set", { session, key: "his", value: "x".repeat(5_000) });
  await bob.ask("tools/call", {
    name: "session_open",
    arguments: { name: "his own" },
    _meta: { [REQUEST_KEY]: "once" },
  });
  await ana.client?.ask("resources/subscribe", { uri: `holdfast://sessions/${session}` });
  await bob.call("history_append", { session, role: "user", content: "to the subscriber" });
  const fork = (await ana.call("session_fork", { session })).data["session"] as string;
  await ana.call("session_update", { session: fork, title: "A copy", system: "s".repeat(999) });
  check();
  const given = { owner: "carl", name: null };
  openDatabase(folder, { readonly: false }).exec(
    `UPDATE sessions SET owner = '${given.owner}', name = NULL WHERE id = '${fork}'`,
  );
  await ana.call("history_delete", { session, seqs: [1] });
  await ana.call("session_clear", { session, what: "history" });
  check();
  expect(accounts(folder)[0]!.map(({ owner }) => owner)).toEqual(["ana", "bob", "carl"]);
  await ana.call("session_delete", { session });
  for (const { client } of [ana, bob]) await client?.end();
  check();
  const database = openDatabase(folder, { readonly: false });
  database.exec("PRAGMA foreign_keys = ON; DELETE FROM sessions; DELETE FROM keyed_calls");
  database.exec("UPDATE clients SET ended_at = 1");
  await app.cleanup.run();
  expect(accounts(folder)).toEqual([[], []]);
});

it("a database of an earlier version gets its accounts with the upgrade", async () => {
  const folder = temporaryFolder();
  const upgrade = migrations.findIndex(({ statements }) =>
    statements.some((statement) => statement.includes("usage_measured")),
  );
  const old = openConnection(databaseFile(folder));
  migrate(old, migrations.slice(0, upgrade));
  old.exec(`
    INSERT INTO sessions (id, owner, name, pinned, created_at, last_active_at)
      VALUES ('s', 'ana', 'work', 0, 1, 1);
    INSERT INTO messages (session_id, seq, role, content, status, created_at)
      VALUES ('s', 1, 'user', 'héllo', 'complete', 1);
    INSERT INTO clients (id, owner, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
      VALUES ('c', 'bob', 'editor', '1', '2025-11-25', '{}', '{"method":"initialize"}', 1, 1);
    INSERT INTO outbox (client_id, data, created_at) VALUES ('c', '{}', 1);`);
  old.close();
  const clock = new ManualClock();
  await (await openStorage({ folder, durability: "normal", clock, expiry: {} })).close();
  const [kept, measured] = accounts(folder);
  expect(kept).toEqual(measured);
  expect(kept).toMatchObject([
    { owner: "ana", history_bytes: 6, program_bytes: 0 },
    { owner: "bob", history_bytes: 0 },
  ]);
  expect(kept![1]!["program_bytes"]).toBe(kept![1]!["stored_bytes"]);
});

it.each([
  ["INSERT", "INSERT INTO stream_events VALUES (1, 2, '{}', 1)"],
  ["UPDATE", "UPDATE stream_events SET data = '' WHERE stream_id = 1 AND seq = 1"],
  ["DELETE", "DELETE FROM stream_events WHERE stream_id = 1 AND seq = 1"],
])(
  "the account of an event is found by keys on %s, whatever the statistics say",
  (_, statement) => {
    const database = openConnection(databaseFile(temporaryFolder()));
    onTestFinished(() => void database.close());
    migrate(database);
    database.exec(`
    INSERT INTO clients (id, owner, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
      VALUES ('c', 'bob', 'editor', '1', '2025-11-25', '{}', '{}', 1, 1);
    INSERT INTO streams (client_id, public_id, kind, created_at, touched_at) VALUES ('c', 1, 'request', 1, 1);
    INSERT INTO stream_events VALUES (1, 1, '{}', 1);
    ANALYZE`); // one row of each: going through all looks cheap
    const steps = database.prepare<[], { opcode: string }>(`EXPLAIN ${statement}`).all();
    const loops = steps.filter(({ opcode }) => ["Next", "Prev"].includes(opcode));
    expect(steps.map(({ opcode }) => opcode)).toContain("Program"); // with its triggers
    expect(loops).toEqual([]);
  },
);

it.each(ERAS)("a principal at its share is refused, others are not, era of %s", async (era) => {
  const { person } = await serveWithKeys({ "max-database": "2mb" });
  const [ana, bob] = [await person("ana", era), await person("bob", era)];
  const [session, other] = [await open(ana), await open(ana)];
  const value = "x".repeat(50_000);
  const fill = async () => {
    for (let n = 0; n < 99; n += 1) {
      const to = n % 2 === 0 ? session : other;
      const answer = await ana.call("state_set", { session: to, key: `k${n}`, value });
      if (answer.isError) return answer;
    }
    return undefined;
  };
  const refused = await fill();
  expect(codeOf(refused!)).toBe("limit");
  expect(refused!.says).toMatch(/session_delete deletes .* max-storage \(half of max-database/);
  for (const [tool, args] of [
    ["history_append", { session, role: "user", content: value }],
    ["chat", { session, prompt: value }],
    ["session_open", { system: value }],
    ["session_update", { session, system: value }],
    ["session_fork", { session }],
  ] as const)
    expect([tool, (await ana.call(tool, args)).says]).toEqual([
      tool,
      expect.stringContaining("max-storage"),
    ]);
  const bobs = await open(bob);
  for (let n = 0; n < 5; n += 1)
    expect((await bob.call("state_set", { session: bobs, key: `k${n}`, value })).isError).toBe(
      false,
    );
  // Whoever is full can still come in, and make room.
  const again = await person("ana", era);
  expect((await again.call("session_delete", { session })).isError).toBe(false);
  expect(
    (await ana.call("history_append", { session: other, role: "user", content: "x" })).isError,
  ).toBe(false);
});

it("a value of max-storage of one's own holds, and is named alone", async () => {
  const { person } = await serveWithKeys({ "max-storage": "64kb", "max-database": "100mb" });
  const ana = await person("ana");
  const refused = await ana.call("history_append", { role: "user", content: "x".repeat(40_000) });
  expect(codeOf(refused)).toBe("limit");
  expect(refused.says).toContain("The owner may hold 65536 bytes in all");
  expect(refused.says).not.toContain("max-database");
});

it("what a key that only reads leaves takes no room from what its principal stores", async () => {
  const { person } = await serveWithKeys({ "max-storage": "400kb", "log-level": "silent" });
  const [reader, writer] = [await person("ana", "2025", "read"), await person("ana", "2025")];
  let said = "";
  for (let n = 0; n < 100 && !said.includes("max-storage"); n += 1) {
    const uri = `x:${n}/`.padEnd(2_000, "u");
    said = (await reader.ask("resources/subscribe", { uri })).text;
  }
  expect(said).toMatch(/programs of one principal may hold 102400 bytes.*End .* subscriptions/);
  const uris = Array.from({ length: 9 }, (_, n) => `x:${n}/`.padEnd(2_000, "u"));
  const listen = { notifications: { resourceSubscriptions: uris } };
  const modern = await person("ana", "2026", "read");
  expect((await modern.ask("subscriptions/listen", listen)).text).toContain("max-storage");
  const content = "x".repeat(100_000);
  expect((await writer.call("history_append", { role: "user", content })).says).toMatch(/^Stored/);
  await reader.ask("resources/unsubscribe", { uri: "x:0/".padEnd(2_000, "u") });
  expect((await reader.ask("resources/subscribe", { uri: "x:again" })).text).toContain("result");
});

it("programs that never came back make room for the next; one that works here stays", async () => {
  const { url, key, person, folder } = await serveWithKeys({ "max-storage": "1mb" });
  const anas = bearer(await key("ana"));
  const working = await person("ana", "2025");
  const { session } = (await working.call("session_open")).data;
  const clientInfo = { name: "editor", version: "1", title: "x".repeat(50_000) };
  for (let n = 0; n < 20; n += 1)
    expect((await post(url, initialize({ clientInfo }), anas)).status).toBe(200);
  expect((await working.call("session_info", { session })).isError).toBe(false);
  const [{ bytes }] = rows(
    folder,
    "SELECT program_bytes AS bytes FROM usage WHERE owner = 'ana'",
  ) as [{ bytes: number }];
  expect(bytes).toBeLessThanOrEqual(256 * 1_024);
});

it("a full principal's calls with request keys are done, and its oldest outcomes go", async () => {
  const { person, folder } = await serveWithKeys({ "max-storage": "100kb" });
  const ana = await person("ana");
  const [session, other] = [await open(ana), await open(ana)];
  const keyed = (name: string, args: object, key: string) =>
    ana.ask("tools/call", { name, arguments: args, _meta: { [REQUEST_KEY]: key } });
  const set = (to: string, n: number) =>
    keyed("state_set", { session: to, key: `k${n}`, value: "x".repeat(9_000) }, `key ${n}`);
  let said = "";
  for (let n = 0; n < 30 && !said.includes("max-storage"); n += 1)
    said = (await set(n % 2 ? session : other, n)).text;
  expect(said).toContain("max-storage");
  const deleted = await keyed("session_delete", { session }, "the last");
  expect(deleted.messages[0]!["result"]).not.toHaveProperty("isError");
  expect((await ana.call("session_info", { session })).isError).toBe(true);
  expect(rows(folder, "SELECT key FROM keyed_calls").map(({ key }) => key)).not.toContain("key 0");
});

describe("what is listened to", () => {
  const uri = (n: number): string => `x:${n}/`.padEnd(2_000, "u");
  const wanted = (many: number) => ({
    resourceSubscriptions: Array.from({ length: many }, (_, n) => uri(n)),
  });

  it("is bounded in bytes for one stream, for one client, and for one principal", async () => {
    const { url } = await serveHere();
    const asked = modernRequest("subscriptions/listen", { notifications: wanted(129) });
    const tooMuch = await read(await postModern(url, asked));
    expect(tooMuch.messages).toMatchObject([{ error: { code: -32602 } }]);
    expect(tooMuch.text).toContain("256000 bytes");

    const open = await Promise.all(Array.from({ length: 31 }, () => listen(url, wanted(128))));
    const more = modernRequest("subscriptions/listen", { notifications: wanted(128) });
    const refused = await read(await postModern(url, more));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(refused.text).toContain("at most 8000000 bytes of uris");
    open[0]!.leave();
    await expect
      .poll(async () => {
        const answer = await postModern(url, more);
        await answer.body!.cancel();
        return answer.status;
      })
      .toBe(200);
  });

  it("is bounded for a client of 2025, too", async () => {
    const { person, folder } = await serveWithKeys();
    const ana = await person("ana", "2025");
    const subscribe = (n: number) => ana.ask("resources/subscribe", { uri: uri(n) });
    await Promise.all(Array.from({ length: 128 }, (_, n) => subscribe(n)));
    expect((await subscribe(128)).text).toContain("at most 256000 bytes");
    await ana.ask("resources/unsubscribe", { uri: uri(0) });
    expect((await subscribe(129)).text).not.toContain("error");
    expect(rows(folder, "SELECT uri FROM subscriptions")).toHaveLength(128);
  });

  it("leaves nothing of a stream that was refused", async () => {
    const { person, folder } = await serveWithKeys({ "max-storage": "400kb" });
    const ana = await person("ana");
    const refused = await ana.ask("subscriptions/listen", { notifications: wanted(18) });
    expect(refused.text).toContain("max-storage");
    await expect.poll(() => rows(folder, "SELECT uri FROM subscriptions")).toEqual([]);
  });
});

it("the audit keeps 10,000 entries of one principal and one action, whatever else it was told", async () => {
  const folder = temporaryFolder();
  const clock = new ManualClock();
  const storage = await openStorage({ folder, durability: "normal", clock, expiry: {} });
  onTestFinished(() => storage.close());
  const note = (action: string, principal = "ana", detail = "for bob") =>
    storage.audit.note({ principal, action, subject: "s", detail });
  await note("session shared", "ana", "x".repeat(2_000));
  await note("session created", "bob");
  openDatabase(folder, { readonly: false }).exec(
    `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 12000)
      INSERT INTO audit (at, principal, action, subject) SELECT 1, 'ana', 'session created', i FROM n`,
  );
  await Promise.all(Array.from({ length: 100 }, () => note("session created")));
  const kept = rows(
    folder,
    "SELECT principal, action, count(*) AS n, max(length(detail)) AS longest FROM audit GROUP BY 1, 2 ORDER BY 1, 2",
  );
  expect(kept).toMatchObject([
    { principal: "ana", action: "session created" },
    { principal: "ana", action: "session shared", n: 1, longest: 501 },
    { principal: "bob", action: "session created", n: 1 },
  ]);
  expect(kept[0]!["n"]).toBeLessThan(10_100);
  expect(kept[0]!["n"]).toBeGreaterThanOrEqual(10_000);
});
