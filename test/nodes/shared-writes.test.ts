// Writes of several callers to PostgreSQL that share a transaction: none has to know of the others.
import { setTimeout } from "node:timers/promises";
import type pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import type { StateWrite } from "../../src/state/store.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { StorageOptions } from "../../src/storage/storage.ts";
import { emptyDatabase } from "../support/postgres.ts";

const write = (more: Partial<StateWrite> = {}): StateWrite => ({
  ...{ key: "k", value: "1", expiresAt: null, maxKeys: 9 },
  ...more,
});

interface Setup {
  fresh?: boolean;
  /** Parameters of the address. */
  query?: string;
}

/** A database with sessions of one owner, and the number of writes in each commit. */
async function withSessions(
  count: number,
  { fresh = false, query = "", ...options }: Partial<StorageOptions> & Setup = {},
) {
  const { url, client } = await emptyDatabase({ fresh });
  const commits: number[] = [];
  const storage = await openStorage({
    ...{
      folder: undefined,
      server: { url: url + query },
      durability: "full",
      clock: systemClock,
      expiry: {},
    },
    onCommit: (writes) => commits.push(writes),
    ...options,
  });
  onTestFinished(() => storage.close());
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1)
    ids.push((await storage.sessions.create({ id: newId(), owner: "ana" })).session.id);
  commits.length = 0;
  const set = (id: string, more?: Partial<StateWrite>) => storage.state.set(id, write(more));
  return { storage, client, commits, ids, set };
}

const waitingForLocks = async (client: pg.Client): Promise<number> => {
  // Within a transaction, connections that began after the first look would never be seen.
  await client.query("SELECT pg_stat_clear_snapshot()");
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::integer AS n FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]!.n;
};

it("stores what comes at one moment for different sessions in one transaction", async () => {
  const { storage, commits, ids, set } = await withSessions(5);
  const stored = await Promise.all([
    ...ids.map((id) => set(id)),
    storage.history.append(ids[0]!, { role: "user", content: "hello" }),
    set(ids[0]!, { value: "2" }),
  ]);
  expect(commits).toEqual([5, 1, 1]); // writes to one session follow each other
  expect(stored.at(-1)).toMatchObject({ version: 2 });
  for (const id of ids.slice(1))
    expect(await storage.state.get(id, "k")).toMatchObject({ version: 1 });
});

it("stores all others when one of them is refused, each once", async () => {
  const { storage, commits, ids, set } = await withSessions(4);
  const refused = set(ids[1]!, { ifVersion: 7 });
  const others = [ids[0]!, ids[2]!, ids[3]!].map((id) => set(id));
  await expect(refused).rejects.toMatchObject({ code: "conflict" });
  expect(await Promise.all(others)).toMatchObject([{ version: 1 }, { version: 1 }, { version: 1 }]);
  expect(commits).toEqual([1, 1, 1]);
  expect(await storage.state.get(ids[1]!, "k")).toBeUndefined();

  // The session whose write was refused keeps the others from sharing no more.
  commits.length = 0;
  await Promise.all(
    ids.map((id) => set(id, { ifVersion: id === ids[1] ? 7 : 1 }).catch(() => undefined)),
  );
  expect(commits).toEqual([3]);
});

it("holds the others up for a moment only, when a session is locked by another process", async () => {
  const { client, ids, set } = await withSessions(3);
  await client.query("BEGIN");
  await client.query("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", [ids[1]]);
  const [before, locked, behind] = ids.map((id) => set(id));
  expect(await Promise.all([before, behind])).toMatchObject([{ version: 1 }, { version: 1 }]);
  await client.query("COMMIT");
  expect(await locked).toMatchObject({ version: 1 });
});

it("lets a session that was locked wait for nobody, and nobody for it, a while longer", async () => {
  const { client, commits, ids, set } = await withSessions(3);
  await client.query("BEGIN");
  await client.query("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", [ids[1]]);
  const written = ids.map((id) => set(id));
  await Promise.all([written[0], written[2]]);
  await setTimeout(150); // more than another write may make it wait
  await client.query("COMMIT");
  await Promise.all(written);
  commits.length = 0;
  await Promise.all(ids.map((id) => set(id)));
  expect(Math.max(...commits)).toBeLessThan(3);
});

it("stores all that comes at one moment as it is, short and long", async () => {
  const texts = ['"', "\\", "{}", "a\nb", "NULL", "é漢😀", "x".repeat(30_000)];
  const values = texts.map((text) => JSON.stringify(text));
  const { storage, commits, ids, set } = await withSessions(values.length);
  for (const version of [1, 2]) {
    commits.length = 0;
    const stored = await Promise.all(ids.map((id, at) => set(id, { value: values[at]! })));
    expect(commits).toEqual([values.length]);
    const read = await Promise.all(ids.map((id) => storage.state.get(id, "k")));
    expect(read).toEqual(stored);
    expect(read).toMatchObject(values.map((value) => ({ value, version })));
  }
});

it("goes on with other sessions while two are locked by another process", async () => {
  const { client, commits, ids, set } = await withSessions(5);
  await client.query("BEGIN");
  await client.query("SELECT 1 FROM sessions WHERE id = ANY ($1) FOR UPDATE", [ids.slice(0, 2)]);
  const locked: Promise<unknown>[] = [];
  for (const id of ids.slice(0, 2)) {
    locked.push(set(id));
    await expect.poll(() => waitingForLocks(client)).toBe(locked.length);
  }
  const others = ids.slice(2);
  expect(await Promise.all(others.map((id) => set(id)))).toHaveLength(3);
  expect(commits).toEqual([3]);
  await client.query("COMMIT");
  await Promise.all(locked);
});

it("stores nothing again whose commit takes longer than the driver waits", async () => {
  const options = { fresh: true, query: "?query_timeout=3000" };
  const { storage, client, ids } = await withSessions(2, options);
  // A commit as slow as one that waits for a standby.
  await client.query(`CREATE TABLE gate (); CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_gate()`);
  const appended = ids.map((id) => storage.history.append(id, { role: "user", content: "hello" }));
  const first = Promise.race(appended).catch((error: unknown) => error);
  void first.then(() => client.query("INSERT INTO gate DEFAULT VALUES"));
  for (const outcome of await Promise.allSettled(appended))
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "storage" } });
  for (const id of ids)
    await expect
      .poll(async () => (await storage.history.page(id, { limit: 9, maxBytes: 9_999 })).messages)
      .toMatchObject([{ seq: 1 }]);
});

it("keeps the limit on an owner's bytes, counted over all that share", async () => {
  const value = JSON.stringify("x".repeat(100_000));
  const { storage, ids, set } = await withSessions(8, { maxStateBytes: 450_000 });
  const outcomes = await Promise.allSettled(ids.map((id) => set(id, { value })));
  const stored = outcomes.filter(({ status }) => status === "fulfilled");
  expect(stored).toHaveLength(4);
  for (const outcome of outcomes)
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "limit" });
  const kept = await Promise.all(ids.map((id) => storage.state.get(id, "k")));
  expect(kept.filter((entry) => entry !== undefined)).toHaveLength(4);
});

it("makes the sessions of one moment in one transaction, and one of a name that several ask for", async () => {
  const { storage, commits } = await withSessions(0);
  const create = (name?: string) =>
    storage.sessions.create(
      { id: newId(), owner: "ana", ...(name !== undefined && { name }) },
      2_000,
    );
  const made = await Promise.all([create(), create(), create("work"), create()]);
  expect(commits).toEqual([4]);
  expect(made.every(({ created }) => created)).toBe(true);
  const [first, second] = await Promise.all([create("more"), create("more")]);
  expect(first.session.id).toBe(second.session.id);
  expect(first.created).not.toBe(second.created);
  expect((await storage.sessions.list("ana", { limit: 9 })).sessions).toHaveLength(5);
});

it("lets an owner's creations follow each other where the limit is near", async () => {
  const { storage, client, commits } = await withSessions(0);
  await client.query(`INSERT INTO sessions (id, owner, created_at, last_active_at)
    SELECT 'old ' || n, 'ana', 1, 9e15 FROM generate_series(1, 1000) n`);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => storage.sessions.create({ id: newId(), owner: "ana" }, 1_003)),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
  expect(commits).toEqual([1, 1, 1]);
});
