// Settings that a database's administrator has made for all its programs: Holdfast's promises hold beside them.
import { expect, it, onTestFinished } from "vitest";
import { checkServer } from "../../src/cli/doctor/server.ts";
import { loadConfig } from "../../src/config/config.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { newOwner, PASSWORD } from "../support/database-roles.ts";
import { serveHere } from "../support/here.ts";
import { emptyDatabase, type TestDatabase } from "../support/postgres.ts";
import { introduce, rpc } from "../support/raw.ts";

async function databaseWith(setting: string): Promise<TestDatabase> {
  const database = await emptyDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await database.client.query(`ALTER DATABASE ${name} SET ${setting}`);
  onTestFinished(
    async () => void (await database.client.query(`ALTER DATABASE ${name} RESET ALL`)),
  );
  return database;
}

async function open({ url }: Pick<TestDatabase, "url">, poolSize = 4): Promise<Storage> {
  const server = { url, poolSize };
  const storage = await openStorage({
    ...{ folder: undefined, server, durability: "full", clock: systemClock, expiry: {} },
  });
  onTestFinished(() => storage.close());
  return storage;
}

it("limits hold, and nothing is refused, where transactions are repeatable reads by default", async () => {
  const database = await databaseWith("default_transaction_isolation = 'repeatable read'");
  const nodes = [await open(database), await open(database), await open(database)];
  const MAX = 5;
  const make = ({ sessions }: Storage) =>
    sessions.create({ id: newId(), owner: "ana" }, MAX).catch((error: unknown) => error);
  const outcomes = await Promise.all(nodes.flatMap((node) => [node, node, node]).map(make));
  const refused = outcomes.filter((outcome) => outcome instanceof Error);
  expect(refused.map((error) => (error as Error & { code: string }).code)).toEqual(
    Array.from({ length: nodes.length * 3 - MAX }, () => "limit"),
  );
  const { rows } = await database.client.query("SELECT 1 FROM sessions");
  expect(rows).toHaveLength(MAX);
});

it("an export goes on where the server ends transactions that wait", async () => {
  const database = await databaseWith("idle_in_transaction_session_timeout = '300ms'");
  const { sessions, state, transfer } = await open(database);
  const { session } = await sessions.create({ id: newId(), owner: "ana" });
  await state.set(session.id, { key: "fact", value: "1", expiresAt: null, maxKeys: 9 });
  const records = transfer.snapshot(session.id)[Symbol.asyncIterator]();
  expect((await records.next()).value).toMatchObject({ type: "session" });
  await database.client.query("SELECT pg_sleep(0.8)"); // the reader is slow
  expect((await records.next()).value).toMatchObject({ entry: { key: "fact" } });
});

/** Lines of the log of the servers in this process. */
const logged = (): string[] => (globalThis as { keptLog?: string[] }).keptLog!;

it("a password that is changed while it serves refuses calls with one reason until it is set back", async () => {
  const database = await emptyDatabase({ fresh: true });
  const { username, url } = await newOwner(database);
  const node = await serveHere({ config: { "database-url": url } });
  const client = await introduce(`${node.url}?name=work`);
  await client.call("state_set", { key: "before", value: 1 });
  const change = async (password: string): Promise<void> => {
    await database.client.query(`ALTER ROLE ${username} PASSWORD '${password}'`);
    await database.client.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '${username}'`,
    );
  };
  await change("another");
  const set = { name: "state_set", arguments: { key: "during", value: 2 } };
  const refused = async (): Promise<Response> => client.post(rpc("tools/call", set, 9));
  await expect
    .poll(async () => (await refused()).text())
    .toContain("refuses this server's sign-in");
  const { status, headers } = await refused();
  expect(status).toBe(503);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  const lines = logged().filter((line) => line.includes("refuses this server's sign-in"));
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line).toContain("password authentication failed");
    expect(line).not.toMatch(/ at .*:\d+:\d+/);
    expect(line).not.toContain(PASSWORD);
  }
  expect(logged().join("")).not.toContain("went wrong inside");

  await change(PASSWORD);
  await expect.poll(async () => (await refused()).status).toBe(200);
});

it("a call on a connection that the server ends by its settings is refused as busy", async () => {
  const database = await emptyDatabase({ fresh: true });
  const storage = await open(database);
  // PostgreSQL's own codes: the database was dropped, the session was idle, the transaction was idle.
  for (const code of ["57P04", "57P05", "25P03"]) {
    await database.client.query(
      `CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$;
       CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON sessions EXECUTE FUNCTION refuse()`,
    );
    const refused = storage.sessions.create({ id: newId(), owner: "ana" });
    await expect(refused).rejects.toMatchObject({
      name: "AppError",
      code: "busy",
      message: "The database does not answer.",
    });
  }
});

it("calls wait for the connections that there are where the user may have fewer than pool-size", async () => {
  const database = await emptyDatabase({ fresh: true });
  const { url } = await newOwner(database, "CONNECTION LIMIT 3");
  const storage = await open({ url }, 10);
  const calls = Array.from({ length: 50 }, async (_, n) => {
    await storage.sessions.create({ id: newId(), owner: `owner ${n}` });
    return storage.sessions.list(`owner ${n}`, { limit: 9 });
  });
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
});

it("an export of short sessions takes no connection beside the pool's", async () => {
  const database = await emptyDatabase({ fresh: true });
  const { url } = await newOwner(database, "CONNECTION LIMIT 3");
  const storage = await open({ url }, 10);
  const { session } = await storage.sessions.create({ id: newId(), owner: "ana" });
  await Promise.all(Array.from({ length: 50 }, () => storage.sessions.list("ana", { limit: 9 })));
  expect(await Array.fromAsync(storage.transfer.snapshot(session.id))).toMatchObject([
    { type: "session" },
  ]);
});

it("the doctor counts the connections that the user may have", async () => {
  const { url } = await newOwner(await emptyDatabase({ fresh: true }), "CONNECTION LIMIT 3");
  const findings = await checkServer(loadConfig({ flags: { "database-url": url }, env: {} }));
  expect(findings.find(({ check }) => check === "connections")).toMatchObject({
    status: "warn",
    says: expect.stringContaining("allows 3 in all"),
  });
});
