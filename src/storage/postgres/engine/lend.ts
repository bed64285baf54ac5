// Connections of the pool, also where the server allows this user fewer than the pool would open.
import type pg from "pg";
import { codeOf } from "./errors.ts";

/** For so long, a pool that the server has limited opens no more connections. */
const LIMITED_MS = 30_000;
const TOO_MANY = "53300";

/** The sizes that limited pools are to have again. */
const sizes = new WeakMap<pg.Pool, number>();

/**
 * Lends a connection. Where the server has none left, the pool keeps to those that it has, and the caller waits for one of
 * them.
 */
export async function lend(pool: pg.Pool): Promise<pg.PoolClient> {
  for (;;) {
    try {
      return await pool.connect();
    } catch (error) {
      if (codeOf(error) !== TOO_MANY || pool.totalCount === 0) throw error;
      limit(pool); // to those that are connected, or are about to be: the next refusal takes one more away
    }
  }
}

function limit(pool: pg.Pool): void {
  const { options, totalCount } = pool;
  if (!sizes.has(pool)) {
    const { max } = options;
    sizes.set(pool, max);
    setTimeout(() => {
      sizes.delete(pool);
      options.max = max;
    }, LIMITED_MS).unref();
  }
  options.max = Math.min(options.max, totalCount);
}
