// Brings the database to this program's version before anything else uses it. Keeps drizzle-kit's own book-keeping table.
import { SqliteError } from "better-sqlite3";
import { AppError } from "../../../lib/errors.ts";
import { BUSY_TIMEOUT_MS, type Sqlite } from "../engine/connection.ts";
import { complete } from "./early-databases.ts";
import { type Migration, migrations } from "./migrations.ts";
import { newDatabase } from "./new-database.ts";

const UPGRADE_TIMEOUT_MS = 600_000;

const TABLE = `CREATE TABLE IF NOT EXISTS __drizzle_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hash text NOT NULL, created_at numeric)`;

/**
 * Applies what is missing, all or nothing; processes that start together wait for each other. `whole`: the statements that
 * make in an empty database what the wanted migrations make, a fifth of their time; none: an empty one is migrated too.
 * @throws AppError `start` when a newer program has written the database, or another one has changed its tables
 */
export function migrate(
  sqlite: Sqlite,
  wanted: readonly Migration[] = migrations,
  whole: readonly string[] = wanted === migrations ? newDatabase : [],
): void {
  const apply = sqlite.transaction(() => {
    sqlite.exec(TABLE);
    const found = appliedVersion(sqlite);
    refuseNewer(sqlite, found, wanted);
    const applied = complete(sqlite, found);
    const record = sqlite.prepare(
      "INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)",
    );
    const missing = wanted.filter(({ createdAt }) => applied === null || createdAt > applied);
    const made = applied === null ? whole : [];
    for (const statement of made) sqlite.exec(statement);
    for (const migration of missing) {
      if (made.length === 0) for (const statement of migration.statements) sqlite.exec(statement);
      record.run(migration.hash, migration.createdAt);
    }
  });
  const pending = isBehind(appliedVersion(sqlite) ?? 0, wanted);
  // Another process may be at it: a large file takes minutes.
  if (pending) sqlite.pragma(`busy_timeout = ${UPGRADE_TIMEOUT_MS}`);
  // Immediate: the second of two processes sees the first one's tables instead of failing to upgrade its lock.
  try {
    apply.immediate();
  } catch (error) {
    throw isOfStatement(error) ? changedByOthers(sqlite, error) : error;
  }
  sqlite.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
}

/** A statement that does not fit the database, as opposed to a full disk or a lock. */
const isOfStatement = (error: unknown): error is Error =>
  error instanceof SqliteError && error.code === "SQLITE_ERROR";

const changedByOthers = (sqlite: Sqlite, cause: Error): AppError =>
  new AppError("start", `${sqlite.name}: this database cannot be upgraded: ${cause.message}.`, {
    hint: "Something but Holdfast has changed its tables, views or triggers. Undo that, and start again: nothing was changed.",
    cause,
  });

/** True if a database at that version lacks a migration. */
export const isBehind = (applied: number, wanted: readonly Migration[] = migrations): boolean =>
  applied < (wanted.at(-1)?.createdAt ?? 0);

/** The creation time of the newest applied migration; null without any. */
export function appliedVersion(sqlite: Sqlite): number | null {
  const table = "SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'";
  if (sqlite.prepare(table).get() === undefined) return null;
  const newest = sqlite.prepare("SELECT max(created_at) FROM __drizzle_migrations").pluck().get();
  return newest as number | null;
}

/** @throws AppError `start` when a newer program has written the database */
export function refuseNewer(
  sqlite: Sqlite,
  applied: number | null,
  wanted: readonly Migration[] = migrations,
): void {
  if (applied === null || applied <= (wanted.at(-1)?.createdAt ?? 0)) return;
  throw new AppError("start", `${sqlite.name}: this database was written by a newer Holdfast.`, {
    hint: "Start that version, or restore a backup made before it.",
  });
}
