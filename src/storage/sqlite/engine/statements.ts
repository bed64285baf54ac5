// Statements over Drizzle that keep their plan, and are prepared when they are first used: a command that needs three of
// them does not prepare them all.
import { BetterSQLite3Database, BetterSQLiteSession } from "drizzle-orm/better-sqlite3";
import { SQLiteSyncDialect } from "drizzle-orm/sqlite-core";
import type { Sqlite } from "./connection.ts";

type Built<T> = { readonly [K in keyof T]: T[K] extends () => infer R ? R : never };

/** An object whose properties are built by these functions, each once, when it is first read. */
export function lazily<T extends Record<string, () => unknown>>(builders: T): Built<T> {
  const built = {} as Record<string, unknown>;
  for (const [name, build] of Object.entries(builders)) {
    Object.defineProperty(built, name, {
      configurable: true,
      enumerable: true,
      get() {
        const value = build();
        Object.defineProperty(built, name, { value, enumerable: true });
        return value;
      },
    });
  }
  return built as Built<T>;
}

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
