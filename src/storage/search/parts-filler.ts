// Fills the second index behind the messages: seldom and slowly by itself, and at once for a search that may need it.
import { setTimeout as sleep } from "node:timers/promises";

/** Time between two looks for new messages, in milliseconds. */
const LOOK_MS = 1_000;
/** Maximum number of messages of one step. */
const STEP = 100;
/** Maximum number of new messages that one search waits for; more are an import. */
const MAX_AWAITED = 1_000;
/** Part of the time that other calls have meanwhile: as many times that of a step. */
const PAUSES = 15;

/** What one step has filled in. */
export interface Filled {
  count: number;
  /** True if the messages are newer than all that were in the index. */
  areNew: boolean;
}

/** Fills in at most so many messages, the newest first. Several processes may do it at once. */
export type Fill = (limit: number) => Promise<Filled>;

export class PartsFiller {
  readonly #fill: Fill;
  readonly #timer: NodeJS.Timeout;
  #work: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(fill: Fill) {
    this.#fill = fill;
    this.#timer = setInterval(() => void (this.#work ??= this.#fillAll()), LOOK_MS);
    this.#timer.unref();
  }

  /** For a search: waits until the newest messages are in the index. Of older ones, after an upgrade, it adds a step only. */
  async catchUp(): Promise<void> {
    for (let count = 0; count < MAX_AWAITED && !this.#closing.signal.aborted; count += STEP)
      if (!(await this.#step()).areNew) return;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#timer);
    await this.#work;
  }

  async #fillAll(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const began = performance.now();
      if ((await this.#step()).count === 0) break;
      const pauseMs = PAUSES * (performance.now() - began);
      await sleep(pauseMs, undefined, { ref: false, signal }).catch(() => undefined);
    }
    this.#work = undefined;
  }

  /** A disk without room, or a database that is away, has its own messages. Words are found without this index. */
  async #step(): Promise<Filled> {
    try {
      return await this.#fill(STEP);
    } catch {
      return { count: 0, areNew: false };
    }
  }
}
