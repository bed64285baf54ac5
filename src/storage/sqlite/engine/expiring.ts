// Counting and deleting what has expired: the same for every table, by a condition of its own.
import { sql, type SQL } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Engine } from "./engine.ts";

interface Expiring {
  countExpired(): Promise<number>;
  deleteExpired(limit: number): Promise<number>;
}

/**
 * `values`: what fills the placeholders of `condition` now. `onDelete` is told inside the write.
 * A column in a subquery of `condition` is written with its table.
 */
export function sqliteExpiring(
  engine: Engine,
  table: SQLiteTable,
  condition: SQL,
  values: () => Record<string, unknown>,
  onDelete: () => void = () => undefined,
): Expiring {
  const { db } = engine;
  const count = db
    .select({ n: sql<number>`count(*)` })
    .from(table)
    .where(condition)
    .prepare();
  const remove = db
    .delete(table)
    .where(
      sql`rowid in (select rowid from ${table} where ${condition} limit ${sql.placeholder("limit")})`,
    )
    .prepare();
  return {
    countExpired: () => engine.readDurable(() => count.get(values())!.n),
    deleteExpired: (limit) =>
      engine.free(
        () => {
          onDelete();
          return remove.run({ ...values(), limit }).changes;
        },
        { durable: false },
      ),
  };
}
