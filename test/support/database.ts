// The database file as a person with a SQL client sees it: through a connection of one's own, beside the program's.
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { databaseFile } from "../../src/storage/admin.ts";
import { fullTextIndexes } from "../../src/storage/sqlite/admin/copy.ts";

/** Opens the file of a data folder; it is closed at the test's end. */
export function openDatabase(
  folder: string,
  { readonly = true }: { readonly?: boolean } = {},
): Database.Database {
  const database = openFile(databaseFile(folder), { readonly });
  onTestFinished(() => void database.close());
  return database;
}

/** Works on the file of a data folder, also outside of a test, and closes it. */
export function withDatabase<T>(
  folder: string,
  use: (database: Database.Database) => T,
  options: { readonly?: boolean } = {},
): T {
  const database = openFile(databaseFile(folder), options);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

const openFile = (file: string, { readonly = true }: { readonly?: boolean }): Database.Database =>
  new Database(file, { readonly, timeout: 5_000 });

/** The number of rows of each table, the full-text index included; empty tables are left out. */
export function rowCounts(database: Database.Database): Record<string, number> {
  const tables = database
    .prepare<[], string>(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
        AND name <> '__drizzle_migrations' AND name NOT GLOB 'sqlite_*'
        AND name NOT GLOB 'messages_fts_*' OR name = 'messages_fts_docsize'`,
    )
    .pluck()
    .all();
  const counts = tables.map((table): [string, number] => [
    table,
    database.prepare(`SELECT count(*) FROM "${table}"`).pluck().get() as number,
  ]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** The damage that SQLite and its full-text index find in the file. Needs a writable connection. */
export function findDamage(database: Database.Database): unknown[] {
  const damage: unknown[] = [
    ...(database.pragma("integrity_check") as { integrity_check: string }[])
      .map((row) => row.integrity_check)
      .filter((text) => text !== "ok"),
    ...(database.pragma("foreign_key_check") as unknown[]),
  ];
  try {
    for (const index of fullTextIndexes(database))
      database.exec(`INSERT INTO ${index}(${index}) VALUES ('integrity-check')`);
  } catch (error) {
    damage.push(error);
  }
  const strays = database
    .prepare(
      `SELECT 'not in the index' AS fault, id FROM messages WHERE id NOT IN (SELECT id FROM messages_fts_docsize)
        UNION ALL SELECT 'only in the index', id FROM messages_fts_docsize WHERE id NOT IN (SELECT id FROM messages)`,
    )
    .all();
  return [...damage, ...strays];
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;

/** The number of commits in the write-ahead log. Format: sqlite.org/fileformat2.html, "The Write-Ahead Log". */
export function commitsInLog(folder: string): number {
  const log = readFileSync(`${databaseFile(folder)}-wal`);
  if (log.length === 0) return 0;
  const pageBytes = log.readUInt32BE(8);
  const salt = log.subarray(16, 24);
  let commits = 0;
  for (let at = HEADER_BYTES; at < log.length; at += FRAME_HEADER_BYTES + pageBytes) {
    if (!log.subarray(at + 8, at + 16).equals(salt)) break; // left by an earlier run of the log
    // A frame that ends a commit tells the size of the database; any other has a zero there.
    if (log.readUInt32BE(at + 4) > 0) commits += 1;
  }
  return commits;
}
