// Counts and deletes the expired rows of a table, by a condition, in batches.
import { type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Expiring } from "../../../lib/expiring.ts";
import type { Engine } from "./engine.ts";
import { prepared } from "./statements.ts";

/** Rows of one transaction: their locks are held for some milliseconds. */
const BATCH = 200;

/**
 * `values`: values of the condition's placeholders now. A column in a subquery of `condition` is written with its table.
 * Rows that another transaction has locked are in use; the next run takes them.
 */
export function postgresExpiring(
  engine: Engine,
  table: PgTable,
  condition: SQL,
  values: () => Record<string, unknown>,
): Expiring {
  const { db } = engine;
  const q = prepared({
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(table)
        .where(condition),
    remove: () =>
      db.delete(table).where(
        // An array is made once; PostgreSQL may run a subquery with a limit again, and then it finds other rows.
        sql`ctid = any(array(select ctid from ${table} where ${condition} limit ${BATCH} for update skip locked))`,
      ),
  });
  return {
    countExpired: () => engine.read(async () => (await q.count.get(values()))!.n),
    async deleteExpired(signal) {
      let sum = 0;
      while (!signal?.aborted) {
        const { changes } = await engine.write(() => q.remove.run(values()));
        sum += changes;
        if (changes < BATCH) break;
      }
      return sum;
    },
  };
}
