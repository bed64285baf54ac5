// The cleanup job, which deletes expired rows, now and then.
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
  /** Gives free room back, and renews outdated statistics. An aborted run ends soon. */
  maintain(signal?: AbortSignal): Promise<void>;
}

/** Decides before a run what the run may delete. */
type Settle = (consent?: Consent, options?: { dryRun: boolean }) => Promise<void>;

/** True if this process does the cleanup for all. */
type IsMine = () => Promise<boolean>;

const always: IsMine = () => Promise.resolve(true);

export class Cleanup<Kind extends string> {
  readonly #kinds: Readonly<Record<Kind, Expiring>>;
  readonly #onError: (error: unknown) => void;
  readonly #maintenance: Maintenance | undefined;
  readonly #onDeleted: (deleted: Readonly<Record<Kind, number>>) => void;
  readonly #settle: Settle;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<unknown> = Promise.resolve();
  readonly #stopping = new AbortController();

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

  /**
   * Deletes expired rows; resolves to the number of each kind. `isMine` is asked before each part, and a part that is another
   * process's is left to it.
   */
  async run(consent?: Consent, isMine: IsMine = always): Promise<Record<Kind, number>> {
    await this.#settle(consent);
    const { signal } = this.#stopping;
    const deleted = await this.#each(async (expiring) =>
      (await isMine()) ? expiring.deleteExpired(signal) : 0,
    );
    if (!signal.aborted && (await isMine())) await this.#maintenance?.maintain(signal);
    this.#onDeleted(deleted);
    return deleted;
  }

  /** Runs now, and again `intervalMs` after the end of each run. */
  start(intervalMs: number, isMine: IsMine = always): void {
    this.#running = this.run(undefined, isMine).catch(this.#onError);
    void this.#running.then(() => {
      if (!this.#stopping.signal.aborted)
        this.#timer = setTimeout(() => this.start(intervalMs, isMine), intervalMs).unref();
    });
  }

  /** Resolves when the current batch is done. */
  async stop(): Promise<void> {
    this.#stopping.abort();
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
