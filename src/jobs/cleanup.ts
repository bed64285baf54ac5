// The cleanup job, which deletes expired rows in batches that are small enough not to hold up calls.
import { setTimeout as sleep } from "node:timers/promises";
import type { Expiring } from "../lib/expiring.ts";
import type { Consent } from "./cutoff.ts";

/** Lifetime of an empty session: without messages, state, name, title and system prompt. */
export const EMPTY_AGE_MS = 30 * 86_400_000;

/** Sessions that are due by the maximum age, but wait because the previous run has kept them: see cutoff.ts. */
export interface Waiting {
  sessions: number;
  /** Time at which they may be deleted; null before a process has announced it. */
  until: number | null;
}

/** A sentence that says why the sessions wait. `when` is a time for people or programs. */
export function waitingText(sessions: number, when: string): string {
  const what =
    sessions === 1
      ? "1 session that the last run kept goes"
      : `${sessions} sessions that the last run kept go`;
  return `${what} at ${when}, unused for longer than max-age by then. A use, a pin or another max-age keeps them.`;
}

export interface Cutoffs {
  /**
   * Advances the cutoffs; resolves to true if a step was announced that sessions wait for, for `graceMs`. With
   * `dryRun`, nothing is recorded, so only this process sees the new cutoffs.
   */
  settle(
    graceMs: number,
    options: { consent?: Consent | undefined; dryRun: boolean },
  ): Promise<boolean>;
  waiting(): Promise<Waiting | undefined>;
  /** `until` of `waiting`. */
  readonly waitsUntil: number | undefined;
}

/** Maintenance of the storage, which runs after the deletion. */
export interface Maintenance {
  /** Returns at most `limit` free pages to the disk; resolves to their number. */
  releasePages(limit: number): Promise<number>;
  /** Lets the engine renew its outdated statistics. */
  optimize(): Promise<void>;
}

/** Target duration of a batch, in ms. A batch holds up calls, so batches grow and shrink towards this. */
const BATCH_MS = 1;
/** Pause between batches, as a multiple of the last batch's duration. */
const REST = 2;
const FIRST_BATCH = 16;
/** Minimum batch: a slow batch may be due to calls beside it, and the deletion must come to an end. */
const MIN_BATCH = 4;
const MAX_BATCH = 500;

/** Decides before a run what the run may delete. */
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

  /** The numbers of rows that a run would delete now. */
  async preview(consent?: Consent): Promise<Record<Kind, number>> {
    await this.#settle(consent, { dryRun: true });
    return this.#each((expiring) => expiring.countExpired());
  }

  /** Deletes expired rows; resolves to the number of each kind. */
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

  /** Repeats `act` until it handles fewer rows than its limit; resolves to the sum. */
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

  /** Runs now, and again `intervalMs` after the end of each run. */
  start(intervalMs: number): void {
    this.#running = this.run().catch(this.#onError);
    void this.#running.then(() => {
      if (!this.#stopped)
        this.#timer = setTimeout(() => this.start(intervalMs), intervalMs).unref();
    });
  }

  /** Resolves when the current batch is done. */
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
