// Counts and deletes the expired rows of a table, by a condition.
import { sql, type SQL } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Expiring } from "../../../lib/expiring.ts";
import { inBatches } from "./batches.ts";
import type { Engine } from "./engine.ts";

/**
 * `values`: values of the condition's placeholders now. `onDelete` is called inside the write.
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
    deleteExpired: (signal) =>
      inBatches(
        (limit) =>
          engine.free(
            () => {
              onDelete();
              return remove.run({ ...values(), limit }).changes;
            },
            { durable: false },
          ),
        signal,
      ),
  };
}
