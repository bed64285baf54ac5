// A disk that does not confirm, a lock that is held for long, and files that go away: nothing that was acknowledged is lost,
// and nothing is acknowledged that may be.
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { type Disk, LogSync } from "../../src/storage/sqlite/disk/log-sync.ts";
import { openConnection, type Sqlite } from "../../src/storage/sqlite/engine/connection.ts";
import { Engine } from "../../src/storage/sqlite/engine/engine.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { openCutoffs } from "../../src/storage/sqlite/stores/cutoff-store.ts";
import { connect } from "../support/clients.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { startServer } from "../support/process.ts";

/** A disk whose next syncs fail, and which has then dropped what it was to write. */
class FaultyDisk implements Disk {
  readonly #log: string;
  syncs = 0;
  /** Those of `syncs` that the event loop waited for. */
  waits = 0;
  failures = 0;
  /** What a power loss leaves out of the log: its place and what stands there. */
  #holes: { from: number; bytes: Buffer }[] = [];
  #confirmed = 0;

  constructor(folder: string) {
    this.#log = `${databaseFile(folder)}-wal`;
  }

  readonly sync = async (): Promise<void> => {
    this.syncs += 1;
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    this.#confirm();
  };

  readonly syncNow = (): void => {
    this.syncs += 1;
    this.waits += 1;
    this.#confirm();
  };

  #confirm(): void {
    const log = readFileSync(this.#log);
    if (this.failures === 0) return void (this.#confirmed = log.length);
    this.failures -= 1;
    this.#holes.push({ from: this.#confirmed, bytes: log.subarray(this.#confirmed) });
    throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  }

  /** A copy of the folder as it is after a power loss. */
  afterPowerLoss(): string {
    const folder = temporaryFolder();
    copyFileSync(this.#log.replace(/-wal$/, ""), databaseFile(folder));
    const log = readFileSync(this.#log);
    for (const { from, bytes } of this.#holes) {
      const there = log.subarray(from, from + bytes.length);
      if (there.equals(bytes)) there.fill(0);
    }
    writeFileSync(`${databaseFile(folder)}-wal`, log);
    return folder;
  }
}

/** `syncMs`: time that each sync takes. */
async function open(folder: string, disk: FaultyDisk, syncMs = 1) {
  const sqlite = openConnection(databaseFile(folder));
  migrate(sqlite);
  sqlite.pragma("busy_timeout = 1"); // ms
  const clock = new ManualClock();
  let time = 0;
  const log = new LogSync(databaseFile(folder), disk, () => (time += syncMs));
  const cutoffs = await openCutoffs(sqlite, clock, { maxAgeMs: Infinity, clientAgeMs: Infinity });
  const engine = new Engine(sqlite, clock, cutoffs, { log });
  onTestFinished(async () => {
    await engine.close();
    sqlite.close();
  });
  sqlite.exec("CREATE TABLE IF NOT EXISTS notes (text TEXT)");
  const insert = sqlite.prepare("INSERT INTO notes VALUES (?)");
  return {
    ...{ sqlite, engine },
    add: (text: string) => engine.write(() => insert.run(text)),
    read: () => engine.readDurable(() => notes(sqlite)),
  };
}

const notes = (sqlite: Sqlite): unknown[] => sqlite.prepare("SELECT text FROM notes").pluck().all();

describe("a disk", () => {
  it("holds up the event loop for a commit that all requests wait for, while it is quick", async () => {
    const folder = temporaryFolder();
    const disk = new FaultyDisk(folder);
    const { engine, add } = await open(folder, disk, 0.4);
    for (const text of ["not known yet", "quick"]) await add(text);
    expect(disk).toMatchObject({ syncs: 2, waits: 1 });
    const other = Promise.withResolvers<void>();
    const request = engine.request(() => other.promise);
    await engine.request(() => add("beside another request"));
    expect(disk).toMatchObject({ syncs: 3, waits: 1 });
    other.resolve();
    await request;
    await Promise.all(["two", "together"].map((text) => engine.request(() => add(text))));
    expect(disk).toMatchObject({ syncs: 4, waits: 2 });
  });

  it("never holds up the event loop when it is slow", async () => {
    const folder = temporaryFolder();
    const disk = new FaultyDisk(folder);
    const { add } = await open(folder, disk, 0.5);
    for (const text of ["not known yet", "slow"]) await add(text);
    expect(disk).toMatchObject({ syncs: 2, waits: 0 });
  });
});

describe("a disk that does not confirm", () => {
  const ways: [string, number][] = [
    ["on another thread", 1],
    ["while the event loop waits", 0],
  ];
  it.each(ways)(
    "%s: loses nothing that was acknowledged later, when the power goes",
    async (_, syncMs) => {
      const folder = temporaryFolder();
      const disk = new FaultyDisk(folder);
      const { add } = await open(folder, disk, syncMs);
      await add("before");
      disk.failures = 1;
      await expect(add("refused")).rejects.toMatchObject({
        code: "storage",
        message: expect.stringContaining("may be stored or not") as string,
      });
      for (const text of ["one", "two", "three"]) await add(text);
      expect(disk.waits > 0).toBe(syncMs === 0);
      const after = openDatabase(disk.afterPowerLoss(), { readonly: false });
      expect(findDamage(after)).toEqual([]);
      expect(notes(after)).toEqual(expect.arrayContaining(["before", "one", "two", "three"]));
    },
  );

  it("acknowledges what was committed while the sync that failed ran only when it is safe", async () => {
    const folder = temporaryFolder();
    const disk = new FaultyDisk(folder);
    const { engine, add, sqlite } = await open(folder, disk);
    await add("before");
    disk.failures = 2;
    const first = add("first");
    while (disk.syncs < 2) await nextTurn();
    const beside = engine.write(() => sqlite.exec("INSERT INTO notes VALUES ('beside')"));
    const tidied = engine.writeRelaxed(() => undefined); // commits what waits, at once
    const [failed, acknowledged] = await Promise.allSettled([first, beside, tidied]);
    const there = notes(openDatabase(disk.afterPowerLoss(), { readonly: false }));
    expect(failed.status).toBe("rejected");
    expect(acknowledged.status === "rejected" || there.includes("beside")).toBe(true);
    expect(there).toContain("before");
  });

  it("refuses writes and reads while the log cannot be brought into the database, and works again after", async () => {
    const folder = temporaryFolder();
    const disk = new FaultyDisk(folder);
    const { add, read } = await open(folder, disk);
    await add("before");
    const other = openDatabase(folder);
    other.exec("BEGIN");
    notes(other); // a reader of an old state keeps the log as it is
    await add("later");
    disk.failures = 1;
    await expect(add("refused")).rejects.toMatchObject({ code: "storage" });
    const nothing = {
      code: "storage",
      message: expect.stringContaining("nothing was stored") as string,
    };
    await expect(add("refused too")).rejects.toMatchObject(nothing);
    await expect(read()).rejects.toMatchObject({ code: "storage" });
    other.exec("COMMIT");
    await add("after");
    expect(await read()).toEqual(["before", "later", "refused", "after"]);
  });

  it("lets nobody read what another process has committed and the disk has not", async () => {
    const folder = temporaryFolder();
    const [mine, theirs] = [new FaultyDisk(folder), new FaultyDisk(folder)];
    const one = await open(folder, mine);
    const two = await open(folder, theirs);
    await two.read();
    const before = theirs.syncs;
    await one.engine.writeRelaxed(() => one.sqlite.exec("INSERT INTO notes VALUES ('not synced')"));
    expect(mine.syncs).toBe(0);
    expect(await two.read()).toEqual(["not synced"]);
    expect(theirs.syncs).toBe(before + 1);
    await two.read();
    expect(theirs.syncs).toBe(before + 1);
  });
});

it("a write waits for another process's lock, and the event loop does not", async () => {
  const folder = temporaryFolder();
  const { add, read } = await open(folder, new FaultyDisk(folder));
  await add("before");
  const other = openDatabase(folder, { readonly: false });
  other.exec("BEGIN IMMEDIATE");
  let done = false;
  const waiting = add("waiting").then(() => (done = true));
  for (let turn = 0; turn < 20; turn++) {
    await nextTurn();
    expect([await read(), done]).toEqual([["before"], false]);
  }
  other.exec("COMMIT");
  await waiting;
  expect(await read()).toEqual(["before", "waiting"]);
});

describe("a server whose files go away", () => {
  const ways: [string, (file: string) => void][] = [
    ["the log is deleted", (file) => rmSync(`${file}-wal`)],
    ["the log's index is deleted", (file) => rmSync(`${file}-shm`)],
    ["the database is deleted", (file) => rmSync(file)],
    [
      "the database is replaced by a copy",
      (file) => {
        copyFileSync(file, `${file}.copy`);
        renameSync(`${file}.copy`, file);
      },
    ],
    [
      "the folder is moved",
      (file) => renameSync(join(file, ".."), join(file, "..", "..", "moved")),
    ],
  ];
  it.each(ways)(
    "%s: it acknowledges nothing more, says so in one line, and ends with 1",
    async (_, act) => {
      const folder = join(temporaryFolder(), "data");
      const server = await startServer({ folder });
      const client = await connect("v2", server);
      await client.call("state_set", { key: "kept", value: 1 });
      act(databaseFile(folder));
      const answer = await client
        .call("state_set", { key: "lost", value: 1 })
        .catch(() => undefined);
      expect(answer === undefined || answer.isError).toBe(true);
      expect(JSON.stringify(answer ?? {})).not.toContain(folder); // its path is for whoever is at the machine
      await expect.poll(() => existsSync(`/proc/${server.pid}/fd/0`)).toBe(false);
      expect(await server.stop()).toBe(1);
      const said = server
        .errors()
        .split("\n")
        .filter((line) => line.startsWith("holdfast: "));
      expect(said).toEqual([expect.stringContaining("deleted, moved or replaced")]);
      expect(said[0]).toContain(basename(databaseFile(folder)));
    },
  );
});
