// A write-ahead log that cannot be folded into the database: it is told, with what keeps it, and once more when it is over.
import { expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
import { newId } from "../../src/lib/ids.ts";
import { databaseFile } from "../../src/storage/admin.ts";
import { openStorage } from "../../src/storage/open.ts";
import { logBytes, LogWatch } from "../../src/storage/sqlite/disk/log-watch.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";

const LARGE = 100_000; // bytes

function open() {
  const folder = temporaryFolder();
  const file = databaseFile(folder);
  const sqlite = openConnection(file);
  sqlite.exec("CREATE TABLE notes (text TEXT)");
  const told: { bytes: number; reason?: string }[] = [];
  const watch = new LogWatch(sqlite, (state) => told.push(state), LARGE);
  onTestFinished(() => {
    watch.close();
    sqlite.close();
  });
  const insert = sqlite.prepare("INSERT INTO notes VALUES (?)");
  const grow = (bytes: number): void => {
    while (logBytes(file) < bytes) insert.run("x".repeat(4_000));
  };
  return { folder, sqlite, watch, told, grow };
}

it("a log that a reader of an old state keeps is told when it is large and when it has doubled", () => {
  const { folder, watch, told, grow, sqlite } = open();
  const reader = openDatabase(folder);
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM notes").get();
  watch.check();
  expect(told).toEqual([]);
  grow(LARGE);
  watch.check();
  watch.check();
  expect(told).toEqual([
    { bytes: expect.any(Number), reason: expect.stringContaining("old state") },
  ]);
  grow(2 * told[0]!.bytes);
  watch.check();
  expect(told).toHaveLength(2);
  reader.exec("COMMIT");
  sqlite.pragma("wal_checkpoint(PASSIVE)");
  watch.check();
  watch.check();
  expect(told.slice(2)).toEqual([{ bytes: expect.any(Number) }]);
});

it("a large log that is in the database is nothing to tell", () => {
  const { watch, told, grow, sqlite } = open();
  sqlite.pragma("wal_autocheckpoint = 0");
  grow(LARGE);
  watch.check();
  expect(told).toEqual([]);
});

it("a checkpoint that fails is told with its reason", () => {
  const { watch, told, grow, sqlite } = open();
  sqlite.pragma("wal_autocheckpoint = 0");
  grow(LARGE);
  sqlite.exec("BEGIN IMMEDIATE"); // a checkpoint within a transaction fails
  watch.check();
  sqlite.exec("ROLLBACK");
  expect(told).toMatchObject([{ reason: expect.stringMatching(/./) as string }]);
});

it("an export that nobody reads on for a minute is given up, and keeps the log no more", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const folder = temporaryFolder();
  const storage = await openStorage({
    folder,
    durability: "normal",
    clock: systemClock,
    expiry: {},
  });
  onTestFinished(() => storage.close());
  const { id } = (await storage.sessions.create({ id: newId(), owner: "ana" })).session;
  const say = () => storage.history.append(id, { role: "user", content: "x" });
  for (let n = 0; n < 4; n += 1) await say();
  const pieces = storage.transfer.snapshot(id)[Symbol.asyncIterator]();
  await pieces.next();
  await say();
  const isFolded = (): boolean => {
    const other = openDatabase(folder, { readonly: false });
    other.pragma("busy_timeout = 0");
    const [{ busy }] = other.pragma("wal_checkpoint(TRUNCATE)") as [{ busy: number }];
    other.close();
    return busy === 0;
  };
  vi.advanceTimersByTime(55_000);
  expect(isFolded()).toBe(false);
  expect((await pieces.next()).value).toMatchObject({ type: "message" }); // who reads slowly is served
  vi.advanceTimersByTime(70_000);
  expect(isFolded()).toBe(true);
  await expect(pieces.next()).rejects.toMatchObject({ code: "busy" });
});
