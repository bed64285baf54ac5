// Writes of one turn of the event loop, or of a few, share a commit, and share nothing else: neither failures nor half-done work.
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { AppError } from "../../src/lib/errors.ts";
import { newId } from "../../src/lib/ids.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { LogSync } from "../../src/storage/sqlite/disk/log-sync.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { Engine } from "../../src/storage/sqlite/engine/engine.ts";
import { GroupCommit } from "../../src/storage/sqlite/engine/group-commit.ts";
import { sqliteWriteAccess } from "../../src/storage/sqlite/engine/write-access.ts";
import { sqliteHistoryStore } from "../../src/storage/sqlite/history/history-store.ts";
import { sqliteUsage } from "../../src/storage/sqlite/limits/usage.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { sqliteIndexMerge } from "../../src/storage/sqlite/search/index-merge.ts";
import { sqliteOwnerIndex } from "../../src/storage/sqlite/search/owner-index.ts";
import { sqliteSessionStore } from "../../src/storage/sqlite/sessions/session-store.ts";
import { Shrink } from "../../src/storage/sqlite/sessions/shrink.ts";
import { sqliteStateStore } from "../../src/storage/sqlite/sessions/state-store.ts";
import { openCutoffs } from "../../src/storage/sqlite/stores/cutoff-store.ts";
import { sqliteInstanceStore } from "../../src/storage/sqlite/stores/instance-store.ts";
import { commitsInLog, findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";

function openWriter() {
  const folder = temporaryFolder();
  const sqlite = openConnection(databaseFile(folder));
  onTestFinished(() => void sqlite.close());
  return { folder, sqlite };
}

/** A table of notes behind the one writer, and a second connection that sees only what is committed. */
function openNotes() {
  const { folder, sqlite } = openWriter();
  sqlite.exec(`CREATE TABLE notes (text TEXT PRIMARY KEY);
    CREATE TABLE links (text TEXT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`);
  const insert = sqlite.prepare<[string]>("INSERT INTO notes VALUES (?)");
  const writer = new GroupCommit(sqlite, { busyMs: 50 });
  const reader = openDatabase(folder).prepare<[], string>("SELECT text FROM notes").pluck();
  return {
    ...{ folder, sqlite, writer },
    add: (text: string) => writer.write(() => insert.run(text).changes),
    insert: (text: string) => insert.run(text),
    committed: () => reader.all().toSorted(),
  };
}

/** The same with commits that wait for the disk. */
function openDurableNotes() {
  const notes = openNotes();
  const log = new LogSync(databaseFile(notes.folder));
  const writer = new GroupCommit(notes.sqlite, { log });
  onTestFinished(() => writer.close());
  return { ...notes, log, writer };
}

describe("a commit", () => {
  it("keeps what succeeded when an operation beside it fails, and nothing of that one", async () => {
    const { folder, writer, add, insert, committed } = openNotes();
    const before = commitsInLog(folder);
    const ours = new AppError("conflict", "Changed meanwhile.");
    const outcomes = await Promise.allSettled([
      add("first"),
      writer.write(() => {
        insert("half");
        throw ours;
      }),
      add("second"),
      writer.write(() => {
        insert("other half");
        insert("first");
      }),
      add("third"),
    ]);
    expect(outcomes).toEqual([
      { status: "fulfilled", value: 1 },
      { status: "rejected", reason: ours },
      { status: "fulfilled", value: 1 },
      {
        status: "rejected",
        reason: expect.objectContaining({ code: "SQLITE_CONSTRAINT_PRIMARYKEY" }),
      },
      { status: "fulfilled", value: 1 },
    ]);
    expect(committed()).toEqual(["first", "second", "third"]);
    expect(commitsInLog(folder)).toBe(before + 1);
  });

  it("is there for everybody when the promise of a write in it resolves, and not before", async () => {
    const { add, committed } = openNotes();
    const seen: string[][] = [];
    const written = Promise.all(
      ["a", "b"].map((text) => add(text).then(() => seen.push(committed()))),
    );
    expect(committed()).toEqual([]);
    await written;
    expect(seen).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("that fails as a whole rejects every operation of it, and the next one works", async () => {
    const { sqlite, writer, add, committed } = openNotes();
    const outcomes = await Promise.allSettled([
      add("first"),
      // The reference is looked at when COMMIT runs: until then all is well.
      writer.write(() => sqlite.exec("INSERT INTO links VALUES ('nowhere')")),
      add("second"),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(committed()).toEqual([]);
    await add("third");
    expect(committed()).toEqual(["third"]);
  });

  it("holds all writes of one turn of the event loop, in their order", async () => {
    const { folder, writer, add, committed } = openNotes();
    const before = commitsInLog(folder);
    const order: number[] = [];
    const writes = Array.from({ length: 50 }, (_, n) => writer.write(() => order.push(n)));
    writes.push(Promise.resolve().then(() => add("after a microtask")));
    const { promise, resolve } = Promise.withResolvers<number>();
    process.nextTick(() => resolve(add("after a tick")));
    await Promise.all([...writes, promise]);
    expect(order).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(committed()).toHaveLength(2);
    expect(commitsInLog(folder)).toBe(before + 1);
  });

  it("gathers what is written while the disk is busy with the one before", async () => {
    const { folder, log, writer, insert, committed } = openDurableNotes();
    const first = writer.write(() => insert("first"));
    await nextTurn();
    expect(log.pending).toBe(true);
    const before = commitsInLog(folder);
    const others: Promise<unknown>[] = [];
    for (const text of ["second", "third", "fourth"]) {
      others.push(writer.write(() => insert(text)));
      await nextTurn();
    }
    await Promise.all([first, ...others]);
    expect(committed()).toEqual(["first", "fourth", "second", "third"]);
    expect(commitsInLog(folder)).toBeLessThan(before + others.length);
  });

  it("that is not on disk yet is pending for whoever reads it, in every moment", async () => {
    const { log, writer, insert, committed } = openDurableNotes();
    for (let round = 0; round < 50; round++) {
      let durable = false;
      const first = writer
        .write(() => insert(`first ${round}`))
        .then(() => {
          const early = !durable && committed().includes(`second ${round}`);
          expect(early && !writer.pending).toBe(false);
        });
      while (!log.pending) await nextTurn();
      const second = writer
        .write(() => insert(`second ${round}`))
        .then(() => {
          durable = true;
        });
      // What waits for no disk brings the commit of the second one forward.
      const tidied = writer.write(() => undefined, { durable: false });
      await Promise.all([first, second, tidied]);
    }
  });

  it("that waits for the disk holds up nobody who need not", async () => {
    const { log, writer, insert, committed } = openDurableNotes();
    const resolved: string[] = [];
    const note = (text: string, options?: { durable: boolean }) =>
      writer
        .write(() => insert(text), options)
        .then(() => {
          resolved.push(`${text}, ${log.pending ? "not yet" : "also"} on disk`);
        });
    await Promise.all([note("told"), note("tidied", { durable: false })]);
    expect(resolved).toEqual(["tidied, not yet on disk", "told, also on disk"]);
    await note("tidied alone", { durable: false });
    expect(log.pending).toBe(false);
    expect(committed()).toEqual(["tidied", "tidied alone", "told"]);
  });

  it("of several writes takes in those of the next turns, as long as there are some", async () => {
    const { folder, add, committed } = openNotes();
    const before = commitsInLog(folder);
    const writes = [add("first"), add("second")];
    await nextTurn();
    writes.push(add("third"));
    await Promise.all(writes);
    expect(committed()).toEqual(["first", "second", "third"]);
    expect(commitsInLog(folder)).toBe(before + 1);
  });

  it("of several writes does not wait for ever, however many come", async () => {
    const { add } = openNotes();
    let done = false;
    const first = add("0").then(() => (done = true));
    const others = [];
    for (let turn = 1; !done && turn < 100; turn++) {
      others.push(add(String(turn)));
      await nextTurn();
    }
    expect(done).toBe(true);
    await Promise.all([first, ...others]);
  });

  it("of one write does not wait for those of a later turn", async () => {
    const { folder, add } = openNotes();
    const before = commitsInLog(folder);
    const first = add("first");
    await nextTurn();
    const second = add("second");
    await Promise.all([first, second]);
    expect(commitsInLog(folder)).toBe(before + 2);
  });

  it("fails as busy while another program holds the database, which stays readable", async () => {
    const { folder, sqlite, add, committed } = openNotes();
    await add("first");
    sqlite.pragma("busy_timeout = 1"); // ms; the program waits longer
    const other = openDatabase(folder, { readonly: false });
    other.exec("BEGIN IMMEDIATE");
    await expect(add("second")).rejects.toMatchObject({ name: "AppError", code: "busy" });
    expect(committed()).toEqual(["first"]);
    other.exec("ROLLBACK");
    await add("third");
    expect(committed()).toEqual(["first", "third"]);
  });

  it("holds what was under way when the writer closes; what comes later is refused", async () => {
    const { writer, add, committed } = openNotes();
    const last = add("last");
    const closed = writer.close();
    expect(committed()).toEqual(["last"]);
    await closed;
    await expect(last).resolves.toBe(1);
    await expect(add("late")).rejects.toMatchObject({ name: "AppError", code: "busy" });
    await nextTurn();
    expect(committed()).toEqual(["last"]);
  });
});

describe("on a full disk", () => {
  const FULL = { name: "AppError", code: "storage_full" };
  const BIG = JSON.stringify("x".repeat(1_000_000));

  /** Stores with one session, on a database that `fill` keeps from growing any further. */
  async function openStores() {
    const { folder, sqlite } = openWriter();
    migrate(sqlite);
    const clock = new ManualClock();
    const ages = { maxAgeMs: Infinity, clientAgeMs: Infinity };
    const engine = new Engine(sqlite, clock, await openCutoffs(sqlite, clock, ages));
    const usage = sqliteUsage(engine, sqlite, {});
    const instance = {
      id: newId(),
      host: "h",
      pid: 1,
      startedAt: 0,
      heartbeatAt: 0,
      serves: false,
    };
    await sqliteInstanceStore(engine, undefined).heartbeat(instance);
    const writes = sqliteWriteAccess(engine);
    const index = sqliteIndexMerge(engine);
    const shrink = new Shrink(engine, index);
    const owners = sqliteOwnerIndex(engine, index);
    const sessions = sqliteSessionStore(engine, { usage, writes, shrink, owners });
    const { session } = await sessions.create({ id: newId(), owner: "ana" });
    const state = sqliteStateStore(engine, usage, writes);
    return {
      ...{ sqlite, sessions, state, history: sqliteHistoryStore(engine, 100, usage, writes) },
      ...{ instanceId: instance.id, id: session.id },
      set: (key: string, value: string) =>
        state.set(session.id, { key, value, expiresAt: null, maxKeys: 100 }),
      fill: () =>
        sqlite.pragma(`max_page_count = ${sqlite.pragma("page_count", { simple: true })}`),
      makeRoom: () => sqlite.pragma("max_page_count = 1000000"),
      damage: () => findDamage(openDatabase(folder, { readonly: false })),
    };
  }

  it("a write fails with storage_full, stores nothing, and works again once there is room", async () => {
    const { sqlite, state, id, set, fill, makeRoom, damage } = await openStores();
    await set("old", "1");
    fill();
    const writes = { small: "1", big: BIG, old: "2", bigger: BIG + BIG };
    const outcomes = await Promise.allSettled(
      Object.entries(writes).map(([key, value]) => set(key, value)),
    );
    expect(outcomes[1]).toEqual({ status: "rejected", reason: expect.objectContaining(FULL) });
    expect(outcomes[3]).toEqual({ status: "rejected", reason: expect.objectContaining(FULL) });
    // What was acknowledged is there, and what was refused is not.
    const stored = { old: "1" } as Record<string, string>;
    for (const [n, [key, value]] of Object.entries(writes).entries())
      if (outcomes[n]!.status === "fulfilled") stored[key] = value;
    const { entries: found } = await state.list(id, {
      prefix: "",
      after: "",
      limit: 10,
      maxBytes: Infinity,
    });
    expect(Object.fromEntries(found.map(({ key, value }) => [key, value]))).toEqual(stored);
    expect(sqlite.inTransaction).toBe(false);

    makeRoom();
    for (const [key, value] of Object.entries(writes)) await set(key, value);
    const { entries: now } = await state.list(id, {
      prefix: "",
      after: "",
      limit: 10,
      maxBytes: Infinity,
    });
    expect(Object.fromEntries(now.map(({ key, value }) => [key, value]))).toEqual(writes);
    expect(damage()).toEqual([]);
  });

  it("an answer that has no room leaves its question as it was, to be completed later", async () => {
    const { history, id, instanceId, fill, makeRoom, damage } = await openStores();
    const start = await history.beginTurn(id, { instanceId, prompt: "Why?" });
    if (start.kind !== "started") throw new Error(start.kind);
    fill();
    const answer = { content: BIG, model: "m" };
    await expect(history.completeTurn(start.turn, answer)).rejects.toMatchObject(FULL);
    expect((await history.page(id, { limit: 9, maxBytes: Infinity })).messages).toMatchObject([
      { seq: 1, status: "pending" },
    ]);
    expect(await history.search({ session: id }, "xxx", { limit: 9, among: 9 })).toEqual([]);
    expect(await history.beginTurn(id, { instanceId, prompt: "And?" })).toEqual({ kind: "busy" });
    makeRoom();
    await history.completeTurn(start.turn, answer);
    expect((await history.page(id, { limit: 9, maxBytes: Infinity })).messages).toMatchObject([
      { seq: 1, status: "complete" },
      { seq: 2, content: BIG },
    ]);
    expect(damage()).toEqual([]);
  });

  it("sessions can be deleted, and that makes room", async () => {
    const { sessions, set, fill, damage } = await openStores();
    const { session } = await sessions.create({ id: newId(), owner: "ana" });
    await set("big", BIG);
    fill();
    await expect(set("more", BIG)).rejects.toMatchObject(FULL);
    const [first] = (await sessions.list("ana", { limit: 9 })).sessions.filter(
      ({ stateKeys }) => stateKeys > 0,
    );
    await sessions.delete(first!.id);
    expect((await sessions.list("ana", { limit: 9 })).sessions).toMatchObject([{ id: session.id }]);
    await expect(
      sessions.create({ id: newId(), owner: "ana", system: BIG }),
    ).resolves.toMatchObject({ created: true });
    expect(damage()).toEqual([]);
  });
});
