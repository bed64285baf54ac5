// Drizzle over better-sqlite3, with statements that keep their plan.
import { BetterSQLite3Database, BetterSQLiteSession } from "drizzle-orm/better-sqlite3";
import { SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { Sqlite } from "./connection.ts";

/**
 * Writes a parameter as `+?`. For a bare `?`, SQLite asks for the bound value while it plans, in LIMIT, in joins and
 * beside a second index; it then plans such a statement anew for each run, which takes ten times as long as the run.
 */
class StablePlans extends SQLiteSyncDialect {
  override escapeParam(): string {
    return "+?";
  }
}

type NoSchema = Record<string, never>;

export function drizzleOf(sqlite: Sqlite): BetterSQLite3Database {
  const dialect = new StablePlans();
  const session = new BetterSQLiteSession<NoSchema, NoSchema>(sqlite, dialect, undefined);
  return new BetterSQLite3Database("sync", dialect, session, undefined);
}
