// Reads outside of transactions. Those of one turn of the event loop go to the database together on one connection: they wake it,
// and this process, once.
import type pg from "pg";
import { isConnectionLoss } from "./errors.ts";
import { lend } from "./lend.ts";
import { type Connection, sendTogether } from "./transaction.ts";

/** So many wait for each other; more take another connection. */
const MAX_TOGETHER = 8;

type Result = pg.QueryResult;

interface Read {
  statement: pg.QueryConfig;
  done: PromiseWithResolvers<Result>;
}

export class ReadBatch implements Connection {
  readonly #pool: pg.Pool;
  /** By statement and values: equal reads of one turn are one. */
  #reads = new Map<string, Read>();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  query(statement: string | pg.QueryConfig): Promise<Result> {
    if (typeof statement === "string") return this.#pool.query(statement);
    const key = JSON.stringify([statement.name ?? statement.text, statement.values]);
    const same = this.#reads.get(key);
    if (same !== undefined) return same.done.promise;
    if (this.#reads.size === 0) setImmediate(() => this.#send());
    const read = { statement, done: Promise.withResolvers<Result>() };
    this.#reads.set(key, read);
    return read.done.promise;
  }

  #send(): void {
    const reads = [...this.#reads.values()];
    this.#reads = new Map();
    for (let at = 0; at < reads.length; at += MAX_TOGETHER)
      void this.#sendOnOne(reads.slice(at, at + MAX_TOGETHER));
  }

  async #sendOnOne(reads: readonly Read[]): Promise<void> {
    try {
      const client = await lend(this.#pool);
      sendTogether(client);
      let isLost = false;
      await Promise.all(
        reads.map(({ statement, done }) =>
          client.query(statement).then(done.resolve, (error: unknown) => {
            isLost ||= isConnectionLoss(error);
            done.reject(error);
          }),
        ),
      );
      client.release(isLost);
    } catch (error) {
      for (const { done } of reads) done.reject(error);
    }
  }
}
