// The life of one run of a task: its claim, its signal, and how it is left. A handler that waits is not kept: its promise is
// dropped, and the handler runs anew when the answer or the time has come. So a task that waits costs its rows and nothing
// else. Not here: what the handler records (run.ts).
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import { AppError, isAway, throughOutage } from "../lib/errors.ts";
import type { TaskNews } from "./news.ts";
import { type Claim, type ClaimedTask, DUE, type TaskStore } from "./store.ts";

/**
 * Thrown in place of a result by a run that has ended before its handler: the task waits, is another process's, or cannot be
 * stored, which has a cause.
 */
export class RunLeft extends Error {}

/** Time that a handler has to heed the signal of a stop, in milliseconds. */
const HEED_MS = 200;

export interface RunParts {
  store: TaskStore;
  news: TaskNews;
  clock: Clock;
}

/** An outstanding wait: until a time, or for an answer. */
type Wait = { until: number | null };

export class RunLife {
  readonly id: string;
  readonly attempt: number;
  readonly claim: Claim;
  protected readonly parts: RunParts;
  /** Answers that the run knows of: one more makes the task due at once. */
  protected answers: number;
  #session: string | null;
  readonly #abort = new AbortController();
  readonly #left = Promise.withResolvers<never>();
  readonly #waits: Wait[] = [];
  /** Work and writes under way: while there are any, the run does not leave. */
  #busy = 0;
  #over = false;
  #isSettled = false;
  #isLeaving = false;
  #isCancelled = false;
  #heed: NodeJS.Timeout | undefined;

  constructor({ claim, steps, sessionId }: ClaimedTask, parts: RunParts) {
    this.claim = claim;
    this.id = claim.id;
    this.attempt = claim.attempt;
    this.#session = sessionId;
    this.parts = parts;
    this.answers = steps.filter(({ kind, result }) => kind === "ask" && result !== null).length;
    this.#left.promise.catch(() => undefined);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True if somebody wants the task cancelled. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** True if the run has left, and its handler has nothing to say any more. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Ends the run: its handler sees an aborted signal. */
  cancel(): void {
    this.#isCancelled = true;
    this.#abort.abort(new AppError("interrupted", "This task was cancelled."));
  }

  /** Ends the run with the process, also if the handler does not heed its signal. */
  stop(reason: Error): void {
    this.#abort.abort(reason);
    // Not unref'd: nothing else keeps the process until the task is left.
    this.#heed = setTimeout(() => this.#left.reject(reason), HEED_MS);
  }

  /** Ends a run that has lost its task. */
  lose(reason = new RunLeft("Another process runs this task now.")): void {
    if (this.#over) return;
    this.#over = true;
    this.#abort.abort(reason);
    this.#left.reject(reason);
  }

  /**
   * What `write` resolves to, which is tried again while the database is away for a moment. A longer outage ends the run, and not
   * the task. @throws RunLeft then
   */
  async stored<T>(write: (store: TaskStore) => Promise<T>): Promise<T> {
    try {
      return await throughOutage(() => write(this.parts.store), this.signal);
    } catch (error) {
      if (!isAway(error)) throw error;
      const left = new RunLeft("The database is away.", { cause: error });
      this.lose(left);
      throw left;
    }
  }

  /** The result of the handler `act`, unless the run leaves before. @throws RunLeft */
  within<T>(act: () => T | Promise<T>): Promise<T> {
    this.#isSettled = false;
    const settled = async (): Promise<T> => {
      try {
        const value = await act();
        return this.#over ? await never() : value;
      } finally {
        this.#isSettled = true; // a question that it did not wait for keeps nothing up
        clearTimeout(this.#heed);
      }
    };
    return Promise.race([settled(), this.#left.promise]);
  }

  /** Work under way, during which the run does not leave. */
  async busy<T>(act: () => T | Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await act();
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0 && this.#waits.length > 0) void this.#leave();
    }
  }

  /** Never returns without the claim, or the database: the handler of a lost run goes no further, and makes no result of it. */
  protected async write(
    write: (store: TaskStore) => Promise<boolean>,
    { isSeen }: { isSeen: boolean } = { isSeen: false },
  ): Promise<void> {
    if (this.#over) return never();
    try {
      if (await this.busy(() => this.stored(write))) {
        if (isSeen) this.parts.news.changed(this.id);
        return;
      }
      this.lose();
    } catch (error) {
      if (!this.#over) throw error;
    }
    return never();
  }

  /** Closes a question whose time is over; resolves to the answer that came before, else to `null`, as JSON text. */
  protected async closeQuestion(name: string): Promise<string> {
    let result: string | undefined;
    const close = async (store: TaskStore): Promise<boolean> =>
      (result = await store.closeQuestion(this.claim, name)) !== undefined;
    await this.write(close, { isSeen: true });
    this.answers += 1;
    return result!;
  }

  /** Never returns: the run leaves when nothing else is under way. */
  protected wait(until: number | null): Promise<never> {
    this.#waits.push({ until });
    void this.#leave();
    return never();
  }

  async #leave(): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    // Let what was begun in the same breath, such as a second question, be recorded first.
    await nextTurn();
    await nextTurn();
    this.#isLeaving = false;
    if (this.#busy > 0 || this.#over || this.#isSettled) return;
    this.#over = true;
    const times = this.#waits.flatMap(({ until }) => (until === null ? [] : [until]));
    const until = times.length === 0 ? null : Math.min(...times);
    const { news } = this.parts;
    try {
      await this.stored((store) => store.park(this.claim, until, this.answers));
      this.#left.reject(new RunLeft());
      news.changed(this.id, DUE);
    } catch (error) {
      this.#left.reject(error);
    }
  }

  /** Stores the session that the run has opened: from here on the task goes with it. */
  async noteSession(sessionId: string): Promise<void> {
    if (sessionId === this.#session) return;
    this.#session = sessionId;
    await this.write((store) => store.setSession(this.claim, sessionId));
  }
}

const never = (): Promise<never> => new Promise<never>(() => undefined);
