// The cleanup job: deletes what is older than the configured maximum age, in batches small enough not to hold up calls.
import { setTimeout as sleep } from "node:timers/promises";
import type { Expiring } from "../lib/expiring.ts";
import type { Consent } from "./cutoff.ts";

/** A session in which nobody has stored anything, and that has no name, title or system prompt, goes after so long. */
export const EMPTY_AGE_MS = 30 * 86_400_000;

/** Sessions that are due by the maximum age, but wait because the run before has kept them: see cutoff.ts. */
export interface Waiting {
  sessions: number;
  /** When they may go; null where no process has announced it yet. */
  until: number | null;
}

/** In one sentence that says what keeps them. `when` for people or programs. */
export function waitingText(sessions: number, when: string): string {
  const what =
    sessions === 1
      ? "1 session that the last run kept goes"
      : `${sessions} sessions that the last run kept go`;
  return `${what} at ${when}, unused for longer than max-age by then. A use, a pin or another max-age keeps them.`;
}

export interface Cutoffs {
  /**
   * Lets the cutoffs move; resolves to whether a step was announced that sessions wait for, for `graceMs`.
   * `dryRun`: nothing is recorded, so that only this process sees it.
   */
  settle(
    graceMs: number,
    options: { consent?: Consent | undefined; dryRun: boolean },
  ): Promise<boolean>;
  waiting(): Promise<Waiting | undefined>;
  /** As `waiting`. */
  readonly waitsUntil: number | undefined;
}

/** What else is done to the storage when nothing expired is left. */
export interface Maintenance {
  /** Gives at most `limit` pages of deleted data back to the disk; resolves to how many. */
  releasePages(limit: number): Promise<number>;
  /** Lets the engine renew what it knows about its tables, where that has become wrong. */
  optimize(): Promise<void>;
}

/** A batch holds up the calls that come in meanwhile: batches grow and shrink until they take about so long. */
const BATCH_MS = 1;
/** How much of the time is the callers' while expired things are deleted, in batches' times. */
const REST = 2;
const FIRST_BATCH = 16;
/** Never less: what takes long may be the calls beside it, and everything is to be gone one day. */
const MIN_BATCH = 4;
const MAX_BATCH = 500;

/** Decides before a run what may be deleted in it. */
type Settle = (consent?: Consent, options?: { dryRun: boolean }) => Promise<void>;

export class Cleanup<Kind extends string> {
  readonly #kinds: Readonly<Record<Kind, Expiring>>;
  readonly #onError: (error: unknown) => void;
  readonly #maintenance: Maintenance | undefined;
  readonly #onDeleted: (deleted: Readonly<Record<Kind, number>>) => void;
  readonly #settle: Settle;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(
    kinds: Readonly<Record<Kind, Expiring>>,
    onError: (error: unknown) => void,
    maintenance?: Maintenance,
    onDeleted: (deleted: Readonly<Record<Kind, number>>) => void = () => undefined,
    settle: Settle = () => Promise.resolve(),
  ) {
    this.#kinds = kinds;
    this.#onError = onError;
    this.#maintenance = maintenance;
    this.#onDeleted = onDeleted;
    this.#settle = settle;
  }

  /** What a run would delete now. */
  async preview(consent?: Consent): Promise<Record<Kind, number>> {
    await this.#settle(consent, { dryRun: true });
    return this.#each((expiring) => expiring.countExpired());
  }

  /** Deletes what has expired; resolves to how many of each kind. */
  async run(consent?: Consent): Promise<Record<Kind, number>> {
    await this.#settle(consent);
    const deleted = await this.#each(async (expiring) => {
      await this.#inBatches(async (limit) => (await expiring.trimExpired?.(limit)) ?? 0);
      return this.#inBatches((limit) => expiring.deleteExpired(limit));
    });
    if (this.#maintenance !== undefined && !this.#stopped) {
      const { releasePages, optimize } = this.#maintenance;
      await this.#inBatches(releasePages);
      await optimize();
    }
    this.#onDeleted(deleted);
    return deleted;
  }

  /** Repeats `act` until it has less to do than it may; resolves to the sum. */
  async #inBatches(act: (limit: number) => Promise<number>): Promise<number> {
    let sum = 0;
    let limit = FIRST_BATCH;
    for (;;) {
      const began = performance.now();
      const batch = this.#stopped ? 0 : await act(limit);
      const took = performance.now() - began;
      sum += batch;
      if (batch < limit) return sum;
      if (took > BATCH_MS) limit = Math.max(MIN_BATCH, limit >> 1);
      else if (took < BATCH_MS / 2) limit = Math.min(MAX_BATCH, limit * 2);
      await sleep(REST * took);
    }
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
