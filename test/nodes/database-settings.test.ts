// Settings that a database's administrator has made for all its programs: Holdfast's promises hold beside them.
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { emptyDatabase, type TestDatabase } from "../support/postgres.ts";

async function databaseWith(setting: string): Promise<TestDatabase> {
  const database = await emptyDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await database.client.query(`ALTER DATABASE ${name} SET ${setting}`);
  onTestFinished(
    async () => void (await database.client.query(`ALTER DATABASE ${name} RESET ALL`)),
  );
  return database;
}

async function open({ url }: TestDatabase): Promise<Storage> {
  const server = { url, poolSize: 4 };
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
