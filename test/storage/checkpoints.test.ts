// Checkpoints of the write-ahead log beside commits.
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { Checkpoints } from "../../src/storage/sqlite/disk/checkpoints.ts";
import { GroupCommit } from "../../src/storage/sqlite/engine/group-commit.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run } from "../support/process.ts";

const CHECKPOINTS = new URL("../../src/storage/sqlite/disk/checkpoints.ts", import.meta.url).href;

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

it("a program that closes its database during a checkpoint goes on to its end", async () => {
  const folder = temporaryFolder();
  const program = join(folder, "program.mjs");
  writeFileSync(
    program,
    `import Database from ${JSON.stringify(import.meta.resolve("better-sqlite3"))};
    import { Checkpoints } from ${JSON.stringify(CHECKPOINTS)};
    const sqlite = new Database(process.argv[2]);
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("wal_autocheckpoint = 0");
    sqlite.exec("CREATE TABLE texts (text)");
    const checkpoints = new Checkpoints(sqlite);
    for (let commits = 0; commits < 8; commits += 1) checkpoints.committed();
    await checkpoints.close();
    console.log("closed");`,
  );
  const done = await run([program, join(folder, "a.db")], { program: [process.execPath] });
  expect(done).toEqual({ code: 0, stdout: "closed\n", stderr: "" });
});
