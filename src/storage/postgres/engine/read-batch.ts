// Reads outside of transactions. Those of one turn of the event loop go to the database together on one connection: they wake it,
// and this process, once.
import type pg from "pg";
import { isConnectionLoss } from "./errors.ts";
import { lend } from "./lend.ts";
import { type Group, sendGroup, Together } from "./together.ts";
import { type Connection, sendTogether } from "./transaction.ts";

/** So many wait for each other; more take another connection. */
const MAX_TOGETHER = 8;

type Result = pg.QueryResult;

export class ReadBatch implements Connection {
  readonly #pool: pg.Pool;
  readonly #waiting = new Together();
  /** By statement and values: equal reads of one turn are one. */
  readonly #reads = new Map<string, Promise<Result>>();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  query(statement: string | pg.QueryConfig): Promise<Result> {
    if (typeof statement === "string") return this.#pool.query(statement);
    const key = JSON.stringify([statement.name ?? statement.text, statement.values]);
    const same = this.#reads.get(key);
    if (same !== undefined) return same;
    if (this.#waiting.isEmpty) setImmediate(() => this.#send());
    const read = this.#waiting.add(statement);
    this.#reads.set(key, read);
    return read;
  }

  #send(): void {
    this.#reads.clear();
    const groups = this.#waiting.take();
    for (let at = 0; at < groups.length; at += MAX_TOGETHER)
      void this.#sendOnOne(groups.slice(at, at + MAX_TOGETHER));
  }

  async #sendOnOne(groups: readonly Group[]): Promise<void> {
    let client: pg.PoolClient;
    try {
      client = await lend(this.#pool);
    } catch (error) {
      for (const { asked } of groups) for (const { done } of asked) done.reject(error);
      return;
    }
    let isLost = false;
    const query = (statement: string | pg.QueryConfig): Promise<Result> => {
      sendTogether(client);
      const result = client.query(statement);
      result.catch((error: unknown) => (isLost ||= isConnectionLoss(error)));
      return result;
    };
    await Promise.all(groups.map((group) => sendGroup(group, query)));
    client.release(isLost);
  }
}
