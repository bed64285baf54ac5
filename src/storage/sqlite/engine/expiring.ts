// Counts and deletes the expired rows of a table, by a condition, in batches.
import { setTimeout as sleep } from "node:timers/promises";
import { type SQL, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Expiring } from "../../../lib/expiring.ts";
import type { Engine } from "./engine.ts";
import { lazily } from "./statements.ts";

/** Batches hold up calls, so they grow and shrink towards a duration, and pause in between. */
interface Pace {
  targetMs: number;
  /** Pause after a batch, as a multiple of its duration, and at least so long. */
  rest: number;
  restMs: number;
  /** Most rows of a batch. */
  most: number;
}

const UNHURRIED: Pace = { targetMs: 1, rest: 2, restMs: 0, most: 500 };
/** The same while calls write: nearly all of them shall come between two batches, and wait for none of their pages. */
export const BESIDE_CALLS: Pace = { targetMs: 1, rest: 10, restMs: 5, most: 50 };
/** For a deletion that somebody waits for, or that has just been asked for. */
export const BRISK: Pace = { targetMs: 4, rest: 1, restMs: 0, most: 100 };
const FIRST_BATCH = 16;
const MIN_BATCH = 4;

/** Resolves after the pause that follows a batch of this duration. */
export const pauseAfter = (
  tookMs: number,
  { rest, restMs }: Pick<Pace, "rest" | "restMs">,
): Promise<void> => sleep(Math.max(restMs, rest * tookMs));

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
  const q = lazily({
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(table)
        .where(condition)
        .prepare(),
    remove: () =>
      db
        .delete(table)
        .where(
          sql`rowid in (select rowid from ${table} where ${condition} limit ${sql.placeholder("limit")})`,
        )
        .prepare(),
  });
  return {
    countExpired: () => engine.readDurable(() => q.count.get(values())!.n),
    deleteExpired: (signal) =>
      inBatches(
        engine,
        (limit) => {
          onDelete();
          return q.remove.run({ ...values(), limit }).changes;
        },
        { signal },
      ),
  };
}

/**
 * Repeats `act`, each time in a write of its own, until it handles fewer rows than its limit, or the signal aborts; resolves to
 * the sum. `then` is awaited after each batch.
 */
export async function inBatches(
  engine: Pick<Engine, "free" | "isBusy">,
  act: (limit: number) => number,
  options: {
    signal?: AbortSignal | undefined;
    pace?: Pace;
    then?: (rows: number) => Promise<void>;
  } = {},
): Promise<number> {
  const { signal, then } = options;
  let sum = 0;
  for (let limit = FIRST_BATCH; !signal?.aborted;) {
    let took = 0;
    const pace = options.pace ?? (engine.isBusy ? BESIDE_CALLS : UNHURRIED);
    const most = Math.min(limit, pace.most);
    const rows = await engine.free(
      () => {
        const began = performance.now(); // a batch may have waited for calls beside it
        const handled = act(most);
        took = performance.now() - began;
        return handled;
      },
      { durable: false },
    );
    sum += rows;
    await then?.(rows);
    if (rows > 0) await pauseAfter(took, pace);
    if (rows < most) break;
    if (took > pace.targetMs) limit = Math.max(MIN_BATCH, most >> 1);
    else if (took < pace.targetMs / 2) limit = Math.min(pace.most, most * 2);
  }
  return sum;
}
