// The owner of a database file: Holdfast, no program yet, or another program, whose file is never touched.
import type { Database } from "better-sqlite3";
import { AppError } from "../../../lib/errors.ts";
import { migrations } from "../schema/migrations.ts";

/** Not from connection.ts, which asks here before it writes anything. */
type Sqlite = Database;

/**
 * @throws AppError `invalid` for a database of another program: tables of the same names do not make it ours, the first
 *   of our own migrations does. Nothing is written to find out.
 */
export function refuseForeign(sqlite: Sqlite): void {
  if (!isNew(sqlite)) expectOurs(sqlite);
}

/** @throws AppError `invalid` also for an empty database */
export function expectOurs(sqlite: Sqlite): void {
  if (!isOurs(sqlite)) throw notOurs(sqlite.name);
}

const notOurs = (file: string): AppError =>
  new AppError("invalid", `${file}: this is no database of Holdfast.`, {
    hint: "It is left as it is; name another file or folder.",
  });

const isNew = (sqlite: Sqlite): boolean =>
  sqlite.pragma("application_id", { simple: true }) === 0 &&
  sqlite.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;

function isOurs(sqlite: Sqlite): boolean {
  const columns = sqlite.prepare("SELECT name FROM pragma_table_info('__drizzle_migrations')");
  if (!columns.pluck().all().includes("created_at")) return false;
  const first = sqlite.prepare("SELECT min(created_at) FROM __drizzle_migrations").pluck().get();
  return first === migrations[0]!.createdAt;
}
