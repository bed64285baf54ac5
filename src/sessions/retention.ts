// The cleanup job: deletes what is older than the configured maximum age, in batches small enough not to hold up calls.
import { setImmediate as nextTurn } from "node:timers/promises";

/** One kind of thing that expires. */
export interface Expiring {
  countExpired(): Promise<number>;
  /** Deletes at most `limit`; resolves to how many. */
  deleteExpired(limit: number): Promise<number>;
}

/** A batch deletes in a few milliseconds, so that calls between two batches do not notice. */
const BATCH = 50;

export class Retention<Kind extends string> {
  readonly #kinds: Readonly<Record<Kind, Expiring>>;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(kinds: Readonly<Record<Kind, Expiring>>, onError: (error: unknown) => void) {
    this.#kinds = kinds;
    this.#onError = onError;
  }

  /** What a run would delete now. */
  preview(): Promise<Record<Kind, number>> {
    return this.#each((expiring) => expiring.countExpired());
  }

  /** Deletes what has expired; resolves to how many of each kind. */
  run(): Promise<Record<Kind, number>> {
    return this.#each(async (expiring) => {
      let deleted = 0;
      for (;;) {
        const batch = this.#stopped ? 0 : await expiring.deleteExpired(BATCH);
        deleted += batch;
        if (batch < BATCH) return deleted;
        await nextTurn(); // requests that came in meanwhile go first
      }
    });
  }

  /** Runs now and then again and again, `intervalMs` after each run's end. */
  start(intervalMs: number): void {
    this.#running = this.run().catch(this.#onError);
    void this.#running.then(() => {
      if (!this.#stopped)
        this.#timer = setTimeout(() => this.start(intervalMs), intervalMs).unref();
    });
  }

  /** Resolves when the batch under way is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #each(act: (expiring: Expiring) => Promise<number>): Promise<Record<Kind, number>> {
    const result = {} as Record<Kind, number>;
    for (const kind of Object.keys(this.#kinds) as Kind[])
      result[kind] = await act(this.#kinds[kind]);
    return result;
  }
}
