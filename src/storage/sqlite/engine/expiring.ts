// Counts and deletes the expired rows of a table, by a condition, in batches.
import { setTimeout as sleep } from "node:timers/promises";
import { type SQL, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Expiring } from "../../../lib/expiring.ts";
import type { Engine } from "./engine.ts";

/** Target duration of a batch, in ms. A batch holds up calls, so batches grow and shrink towards this. */
const BATCH_MS = 1;
/** Pause between batches, as a multiple of the last batch's duration. */
const REST = 2;
const FIRST_BATCH = 16;
/** Minimum batch: a slow batch may be due to calls beside it, and the deletion must come to an end. */
const MIN_BATCH = 4;
const MAX_BATCH = 500;

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

/** Repeats `act` until it handles fewer rows than its limit, or the signal aborts; resolves to the sum. */
export async function inBatches(
  act: (limit: number) => Promise<number>,
  signal?: AbortSignal,
): Promise<number> {
  let sum = 0;
  let limit = FIRST_BATCH;
  while (!signal?.aborted) {
    const began = performance.now();
    const batch = await act(limit);
    const took = performance.now() - began;
    sum += batch;
    if (batch < limit) break;
    if (took > BATCH_MS) limit = Math.max(MIN_BATCH, limit >> 1);
    else if (took < BATCH_MS / 2) limit = Math.min(MAX_BATCH, limit * 2);
    await sleep(REST * took);
  }
  return sum;
}
