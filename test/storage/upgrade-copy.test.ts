// A copy before an upgrade: whoever starts a newer program and wants the older one back has everything as it was.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOST } from "../../src/instances/liveness.ts";
import { backUp, databaseFile } from "../../src/storage/admin.ts";
import { copyBeforeUpgrade } from "../../src/storage/sqlite/admin/upgrade-copy.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { appliedVersion, migrate } from "../../src/storage/sqlite/schema/migrate.ts";
import { migrations } from "../../src/storage/sqlite/schema/migrations.ts";
import { findDamage, openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { PROGRAM, run, startServer } from "../support/process.ts";

const OLD = 2;

/** A data folder as a program with only the first migrations left it, with one session unless `empty`. */
function oldFolder({ empty = false, level = OLD } = {}): string {
  const folder = temporaryFolder();
  const sqlite = openConnection(databaseFile(folder));
  migrate(sqlite, migrations.slice(0, level));
  if (!empty)
    sqlite.exec(`INSERT INTO sessions (id, owner, created_at, last_active_at) VALUES ('s', 'local', 1, 9e15);
      INSERT INTO messages (session_id, seq, role, content, status, created_at)
      VALUES ('s', 1, 'user', 'of old', 'complete', 1)`);
  sqlite.close();
  return folder;
}

const copyName = (level: number): string =>
  `holdfast.db.before-migration-${String(level).padStart(4, "0")}`;

const copies = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => /before|partial/.test(name))
    .toSorted();

it("a database of an earlier version is backed up as it is", async () => {
  const folder = oldFolder();
  const target = join(temporaryFolder(), "copy.db");
  expect(await backUp({ source: databaseFile(folder), target })).toMatchObject({ messages: 1 });
  const copy = new Database(target);
  onTestFinished(() => void copy.close());
  expect(appliedVersion(copy)).toBe(migrations[OLD - 1]!.createdAt);
});

describe("a start that upgrades a database", () => {
  it("first makes a private copy of it as it was, and says so", async () => {
    const folder = oldFolder();
    const server = await startServer({ folder });
    const copy = join(folder, copyName(OLD));
    expect(server.errors()).toContain(copy);
    expect(server.errors()).toContain("upgrading the database");
    expect(copies(folder)).toEqual([copyName(OLD)]);
    if (process.platform !== "win32") expect(statSync(copy).mode & 0o777).toBe(0o600);
    const kept = new Database(copy);
    onTestFinished(() => void kept.close());
    expect(appliedVersion(kept)).toBe(migrations[OLD - 1]!.createdAt);
    expect(kept.prepare("SELECT content FROM messages").pluck().all()).toEqual(["of old"]);
    expect(findDamage(kept)).toEqual([]);
    expect(appliedVersion(openDatabase(folder))).toBe(migrations.at(-1)!.createdAt);

    await server.stop();
    const again = await startServer({ folder });
    expect([again.errors(), copies(folder)]).toEqual(["", [copyName(OLD)]]);
  });

  it("is refused while an older program works on it, and nothing is changed", async () => {
    const folder = oldFolder();
    const writing = openConnection(databaseFile(folder));
    onTestFinished(() => void writing.close());
    const seen = writing.prepare("INSERT INTO instances VALUES ('old', ?, ?, ?, ?)");
    seen.run(HOST, process.pid, Date.now(), Date.now());
    const { code, stderr } = await run(["sessions", "list", "--data-dir", folder]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`another process is using it (process ${process.pid})`);
    expect([appliedVersion(writing), copies(folder)]).toEqual([migrations[OLD - 1]!.createdAt, []]);
    writing.exec("DELETE FROM instances");
    await startServer({ folder });
    expect(appliedVersion(writing)).toBe(migrations.at(-1)!.createdAt);
  });

  it("copies nothing that is new or empty", async () => {
    for (const folder of [oldFolder({ empty: true }), temporaryFolder()]) {
      const server = await startServer({ folder });
      expect([server.errors(), copies(folder)]).toEqual(["", []]);
    }
  });

  it("and the copy can be restored, to start once more", async () => {
    const folder = oldFolder();
    await (await startServer({ folder })).stop();
    const other = temporaryFolder();
    const copy = join(folder, copyName(OLD));
    expect((await run(["restore", copy, "--data-dir", other])).code).toBe(0);
    await startServer({ folder: other });
    expect(copies(other)).toEqual([copyName(OLD)]);
  });

  it("makes one good copy when several processes start at the same moment", async () => {
    const folder = oldFolder();
    await Promise.all([1, 2, 3].map(() => startServer({ folder })));
    expect(copies(folder)).toEqual([copyName(OLD)]);
    const kept = new Database(join(folder, copyName(OLD)));
    onTestFinished(() => void kept.close());
    expect(appliedVersion(kept)).toBe(migrations[OLD - 1]!.createdAt);
  });

  it("keeps the newest two copies", () => {
    const folder = oldFolder({ level: 1 });
    writeFileSync(join(folder, "holdfast.db.before-migration-mine"), "");
    const sqlite = openConnection(databaseFile(folder));
    onTestFinished(() => void sqlite.close());
    for (let level = 1; level < 4; level++) {
      const wanted = migrations.slice(0, level + 1);
      expect(copyBeforeUpgrade(sqlite, wanted)).toBe(join(folder, copyName(level)));
      migrate(sqlite, wanted);
      expect(copyBeforeUpgrade(sqlite, wanted)).toBe(undefined);
    }
    expect(copies(folder)).toEqual([
      ...[copyName(2), copyName(3)],
      "holdfast.db.before-migration-mine",
    ]);
  });
});

/** A file system of 3 MB of its own for one process. */
const smallDisk = (folder: string): readonly string[] => [
  ...["unshare", "--mount", "--map-root-user", "sh", "-c"],
  ...['mount -t tmpfs -o size=3m tmpfs "$0" && cp -p "$1"/* "$0" && shift && exec "$@"', folder],
];

const canMount = spawnSync("unshare", ["--mount", "--map-root-user", "true"]).status === 0;

describe.runIf(canMount)("an upgrade without room for the copy", () => {
  it("does not begin: it says how much is needed, and the database is as it was", async () => {
    const [folder, place] = [oldFolder(), temporaryFolder()];
    const sqlite = openConnection(databaseFile(folder));
    sqlite.exec("INSERT INTO session_state VALUES ('s', 'fat', hex(zeroblob(900000)), 1, 1, NULL)");
    sqlite.close();
    const program = [...smallDisk(place), folder, ...PROGRAM];
    const args = ["cleanup", "--data-dir", place];
    const { code, stdout, stderr } = await run(args, { program });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/not upgraded.*no room: it needs [\d.]+MB, and [\d.]+(KB|MB) are free/);
    expect(stderr).toMatch(/Free some space/);
    expect(existsSync(join(place, copyName(OLD)))).toBe(false);
  });
});
