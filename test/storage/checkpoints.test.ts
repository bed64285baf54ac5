// Checkpoints of the write-ahead log beside commits.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { Checkpoints } from "../../src/storage/sqlite/disk/checkpoints.ts";
import { GroupCommit } from "../../src/storage/sqlite/engine/group-commit.ts";
import { temporaryFolder } from "../support/folder.ts";

it("the log is folded in on another thread, and begins anew, while commits go on", async () => {
  const file = join(temporaryFolder(), "a.db");
  const sqlite = new Database(file);
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("wal_autocheckpoint = 0"); // SQLite itself never does it
  sqlite.exec("CREATE TABLE texts (text)");
  const add = sqlite.prepare("INSERT INTO texts VALUES (?)");
  const checkpoints = new Checkpoints(sqlite);
  const commits = new GroupCommit(sqlite, { checkpoints });
  onTestFinished(() => void sqlite.close());

  const text = "x".repeat(40_000);
  /** A log that begins anew has another salt. */
  const salt = (): string => readFileSync(`${file}-wal`).toString("hex", 16, 24);
  let written = 0;
  const write = async (): Promise<void> => {
    await commits.write(() => void add.run(text));
    written += 1;
  };
  await write();
  const empty = statSync(file).size;
  while (statSync(file).size === empty) await write();
  const first = salt();
  while (salt() === first) await write();

  await commits.close();
  await checkpoints.close();
  expect(sqlite.prepare("SELECT count(*) FROM texts").pluck().get()).toBe(written);
});
