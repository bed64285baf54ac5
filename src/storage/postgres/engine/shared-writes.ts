// Small writes of many callers in one transaction. They share its begin, its commit, a connection and the packets on it: waking
// the database costs more than what it is asked. Where one of them fails, nothing of the transaction stays, and each is done
// again in a transaction of its own.
import { AsyncLocalStorage } from "node:async_hooks";
import { boundedCache } from "../../../lib/cache/bounded-cache.ts";
import { isAfterFailure, isLockTimeout, Unconfirmed } from "./errors.ts";

/** Transactions at one time: the database works on one while this process prepares the other. */
const MAX_TRANSACTIONS = 2;
/** Fewer wait for the transaction that is at work: they may be joined by more until it ends. */
const MIN_BESIDE = 4;
const MAX_WRITES = 32;
/** Slower ones, such as one that waits for another process, do not count: nobody waits for them. */
const SLOW_MS = 100;
/** Writes in a place where one has failed, or has met another process, share no transaction for so long. */
const ALONE_MS = 5_000;
const MAX_ALONE = 10_000;

/** Runs an operation in the transaction that the caller has opened. */
type Within = (operation: () => Promise<unknown>) => Promise<unknown>;

export interface SharedWritesOptions {
  /** Runs an operation in a transaction of its own. */
  alone: Within;
  /** Runs so many writes in one transaction, and commits it. @throws what a write or the commit throws */
  together<T>(count: number, writes: (within: Within) => Promise<T>): Promise<T>;
}

interface Write {
  /** The session, or something else that the write may lock. */
  place: string;
  operation: () => Promise<unknown>;
  /** Runs a function in the asynchronous context of the caller. */
  inContext: <T>(act: () => T) => T;
  done: PromiseWithResolvers<unknown>;
}

export class SharedWrites {
  readonly #alone: Within;
  readonly #together: SharedWritesOptions["together"];
  /** By place, the time until which its writes share no transaction. */
  readonly #failed = boundedCache<number>(MAX_ALONE);
  #waiting: Write[] = [];
  #transactions = 0;
  #isLooking = false;

  constructor({ alone, together }: SharedWritesOptions) {
    this.#alone = alone;
    this.#together = together;
  }

  /** Resolves when the write is committed. Of two writes to one session, the second begins after that. */
  write<T>(place: string, operation: () => Promise<T>): Promise<T> {
    if ((this.#failed.get(place) ?? 0) > performance.now())
      return this.#alone(operation) as Promise<T>;
    const done = Promise.withResolvers<unknown>();
    const inContext = AsyncLocalStorage.snapshot();
    this.#waiting.push({ place, operation, inContext, done });
    this.#look();
    return done.promise as Promise<T>;
  }

  /** Begins what may begin, behind the other callers of this turn of the event loop. */
  #look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      while (this.#waiting.length > 0 && this.#mayBegin())
        void this.#begin(this.#waiting.splice(0, MAX_WRITES));
    });
  }

  #mayBegin(): boolean {
    if (this.#transactions === 0) return true;
    return this.#transactions < MAX_TRANSACTIONS && this.#waiting.length >= MIN_BESIDE;
  }

  async #begin(writes: Write[]): Promise<void> {
    this.#transactions += 1;
    const next = (): void => {
      this.#transactions -= 1;
      this.#look();
    };
    let isSlow = false;
    const slow = setTimeout(() => {
      isSlow = true;
      next();
    }, SLOW_MS);
    // In one order, as most lock their session.
    if (writes.length === 1) await this.#one(writes[0]!);
    else await this.#all(writes.toSorted((a, b) => (a.place < b.place ? -1 : 1)));
    clearTimeout(slow);
    if (!isSlow) next();
  }

  async #all(writes: readonly Write[]): Promise<void> {
    try {
      const results = await this.#together(writes.length, (within) =>
        settled(
          writes.map(({ place, operation, inContext }) =>
            inContext(() => within(operation)).catch((error: unknown) => {
              if (!isAfterFailure(error)) this.#goesAlone(place);
              throw error;
            }),
          ),
        ),
      );
      for (const [at, { done }] of writes.entries()) done.resolve(results[at]);
    } catch (error) {
      if (error instanceof Unconfirmed) for (const { done } of writes) done.reject(error);
      else await Promise.all(writes.map((write) => this.#again(write, isLockTimeout(error))));
    }
  }

  /** After a transaction that failed: one that fails again was the reason, or one that still waits for a lock. */
  async #again(write: Write, wasLocked: boolean): Promise<void> {
    const began = performance.now();
    const isDone = await this.#one(write);
    if (!isDone || (wasLocked && performance.now() - began > SLOW_MS)) this.#goesAlone(write.place);
  }

  /** True if it was done. */
  async #one({ operation, inContext, done }: Write): Promise<boolean> {
    const written = inContext(() => this.#alone(operation));
    written.then(done.resolve, done.reject);
    return written.then(
      () => true,
      () => false,
    );
  }

  #goesAlone(place: string): void {
    this.#failed.set(place, performance.now() + ALONE_MS);
  }
}

/** The results of all, when none is at work any more. @throws what one of them threw */
async function settled(running: readonly Promise<unknown>[]): Promise<unknown[]> {
  await Promise.allSettled(running);
  return Promise.all(running);
}
