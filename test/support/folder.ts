// Temporary folders that go with the test.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { openConnection } from "../../src/storage/sqlite/engine/connection.ts";
import { migrate } from "../../src/storage/sqlite/schema/migrate.ts";

const makeFolder = (): string => mkdtempSync(join(tmpdir(), "holdfast-test-"));
const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

export function temporaryFolder(): string {
  const folder = makeFolder();
  onTestFinished(() => remove(folder));
  return folder;
}

/** A new folder with these files, by name; a name may have folders in it. */
export function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) writeInto(folder, name, content);
  return folder;
}

export function writeInto(folder: string, name: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), content);
}

/** The database of a program that was started once, and stopped. */
let unused: Buffer | undefined;

/** A data folder without sessions. Its tables are made once for all tests of a worker: they take half of a start's time. */
export function dataFolder(): string {
  const folder = temporaryFolder();
  writeFileSync(databaseFile(folder), (unused ??= unusedDatabase()), { mode: 0o600 });
  return folder;
}

function unusedDatabase(): Buffer {
  const folder = makeFolder();
  const file = databaseFile(folder);
  const sqlite = openConnection(file);
  migrate(sqlite);
  sqlite.close();
  const bytes = readFileSync(file);
  remove(folder);
  return bytes;
}
