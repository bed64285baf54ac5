// Runs tasks: those that this process begins, those that are due, and those that a dead process has left. One timer wakes it
// for the next task that is due, however many wait.
import type { LiveProcess } from "../idempotency/idempotent-calls.ts";
import type { Clock } from "../lib/clock.ts";
import { CountByKey } from "../lib/collections/count-by-key.ts";
import { AppError, interruptedError, isAway, toAppError } from "../lib/errors.ts";
import { rpcErrorOf } from "../protocol/errors.ts";
import type { TaskNews } from "./news.ts";
import { Places } from "./places.ts";
import { RunLeft } from "./run-life.ts";
import { TaskRun } from "./run.ts";
import {
  type Beginner,
  type Claimant,
  type ClaimedTask,
  DUE,
  type NewTask,
  failedWith,
  type TaskEnd,
  type TaskStore,
} from "./store.ts";
import type { Task } from "./task.ts";

/** Runs in a row whose process may die before they record anything new: the tool may be what kills it. */
const MAX_LOSSES = 3;
/** Time before the next look after an error, in milliseconds. */
const RETRY_MS = 1_000;
/** Maximum delay of a timer in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The tools, as far as tasks concern them. */
export interface TaskTools {
  /** Names of the tools whose calls may be tasks. */
  readonly taskTools: readonly string[];
  /** True if an interrupted run may simply be run again. */
  isIdempotent(tool: string): boolean;
  /** Runs the task's handler. @throws RunLeft; the signal's reason when it was aborted */
  execute(task: ClaimedTask, run: TaskRun): Promise<TaskEnd>;
}

export interface TaskRunnerOptions {
  store: TaskStore;
  news: TaskNews;
  tools: TaskTools;
  /** The instance of this process. */
  instance: LiveProcess;
  clock: Clock;
  /** Maximum number of open tasks of one principal. */
  maxTasks: number;
  /** Maximum number of tasks that run in this process at a time; further ones wait. */
  maxRunning?: number;
  onError(error: unknown): void;
}

interface Running {
  run: TaskRun;
  done: Promise<void>;
  /** True if a later run can go on with the task. */
  resumes(): boolean;
}

export class TaskRunner {
  readonly #parts: TaskRunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #places: Places;
  /** Number of calls in this process that wait, by task. */
  readonly #awaited = new CountByKey();
  #watch: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** True once this process also runs tasks that others began. */
  #isOpen = false;
  #closed = false;
  #looking: Promise<void> | undefined;
  #looksAgain = false;

  constructor(parts: TaskRunnerOptions) {
    this.#parts = parts;
    this.#places = new Places(parts.maxRunning);
  }

  /** Ids of the tasks that run here. */
  get running(): string[] {
    return [...this.#running.keys()];
  }

  /** Stores a task, and runs it here if there is a place. @throws AppError `limit`, `not_found` */
  async begin(task: NewTask, { waits }: Pick<Beginner, "waits">): Promise<Task> {
    const { store, instance, maxTasks } = this.#parts;
    if (this.#closed) throw stopping();
    this.#listen();
    const runs = this.#places.take(task.owner);
    let claimed: ClaimedTask | undefined;
    try {
      for (;;) {
        const begun = await store.create(task, { instanceId: instance.id, runs, waits }, maxTasks);
        if (begun !== "unregistered") {
          ({ claimed } = begun);
          if (claimed === undefined) this.look();
          return begun.task;
        }
        await instance.confirm();
      }
    } finally {
      if (claimed !== undefined) this.#start(claimed);
      else if (runs && this.#places.give(task.owner)) this.look();
    }
  }

  /** To be held by a call that waits for the task: this process then runs it, even if it runs none of others. */
  awaits(id: string): Disposable {
    const leave = this.#awaited.add(id);
    this.#listen();
    if (!this.#isOpen) this.look();
    return { [Symbol.dispose]: leave };
  }

  /** From now on, runs tasks that others began, too. */
  open(): void {
    this.#isOpen = true;
    this.#listen();
    this.look();
  }

  /** Looks for tasks to run, now. */
  look(): void {
    void this.looked();
  }

  /** The same; resolves when it has begun all that it found. */
  looked(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#looking !== undefined) {
      this.#looksAgain = true;
      return this.#looking;
    }
    return (this.#looking = this.#lookUntilQuiet());
  }

  /** Ends the runs of tasks that other processes have taken over, and of those that somebody wants cancelled. */
  async check(): Promise<void> {
    if (this.#running.size === 0) return;
    const before = [...this.#running.values()];
    const held = await this.#parts.store.held(this.#parts.instance.id);
    const byId = new Map(held.map((claim) => [claim.id, claim]));
    for (const { run } of before) {
      const claim = byId.get(run.id);
      if (claim?.attempt === run.attempt) {
        if (claim.cancelRequested && !run.isCancelled) run.cancel();
      } else if (!run.isOver) run.lose();
    }
  }

  /** True from the beginning of the close. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * Stops all runs; resolves when the tasks are left to others, or ended as interrupted. Runs that nobody can go on with have
   * `graceMs` to end by themselves.
   */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#watch?.[Symbol.dispose]();
    await this.#looking;
    const running = [...this.#running.values()];
    const alone = running.filter(({ resumes }) => !resumes());
    await settledWithin(
      alone.map(({ done }) => done),
      graceMs,
    );
    for (const { run } of running) run.stop(stopping());
    await Promise.allSettled(running.map(({ done }) => done));
  }

  get #claimant(): Claimant {
    const { instance, tools } = this.#parts;
    return {
      instanceId: instance.id,
      tools: tools.taskTools,
      only: this.#isOpen ? undefined : this.#awaited.keys,
      running: this.#places.taken,
      each: this.#places.each,
    };
  }

  #listen(): void {
    this.#watch ??= this.#parts.news.watch((changed) => {
      if (changed.includes("task", DUE)) this.look();
      if (this.running.some((id) => changed.includes("task", id)))
        this.check().catch(this.#parts.onError);
    });
  }

  async #lookUntilQuiet(): Promise<void> {
    try {
      do {
        this.#looksAgain = false;
        try {
          await this.#take();
        } catch (error) {
          this.#wakeIn(RETRY_MS);
          this.#parts.onError(error);
        }
      } while (this.#looksAgain && !this.#closed);
    } finally {
      this.#looking = undefined; // not later: a call in between would wait for a look that has ended
    }
  }

  async #take(): Promise<void> {
    const { store, clock, instance, news } = this.#parts;
    if (this.#isOpen) {
      const expired = await store.expire(overdue());
      if (expired.length > 0) {
        news.changed(...expired);
        this.#looksAgain = true;
      }
    }
    if (this.#places.free <= 0) return; // the end of a run looks again
    const claimed = await store.claim(this.#claimant, this.#places.free);
    if (claimed === "unregistered") {
      await instance.confirm();
      this.#looksAgain = true;
      return;
    }
    for (const task of claimed) {
      this.#places.hold(task.owner);
      this.#start(task);
    }
    if (claimed.length > 0) {
      this.#looksAgain = true; // others may have waited behind the tasks of one principal
      return;
    }
    const next = await store.nextDue(this.#claimant);
    clearTimeout(this.#timer);
    if (next !== undefined) this.#wakeIn(next - clock.now());
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => this.look(), Math.min(Math.max(ms, 1), MAX_TIMER_MS)).unref();
  }

  #start(task: ClaimedTask): void {
    const { store, news, clock } = this.#parts;
    const run = new TaskRun(task, { store, news, clock });
    const done = this.#perform(task, run)
      .catch((error: unknown) => {
        if (!(error instanceof RunLeft)) this.#parts.onError(error);
        else if (error.cause !== undefined) this.#parts.onError(error.cause);
      })
      .finally(() => {
        if (this.#running.get(run.id)?.run === run) this.#running.delete(run.id);
        if (this.#places.give(task.owner)) this.look();
      });
    this.#running.set(run.id, { run, done, resumes: () => this.#resumes(task, run) });
  }

  /** True if a later run can go on with the task. */
  #resumes({ tool }: ClaimedTask, run: TaskRun): boolean {
    return run.hasRecorded || this.#parts.tools.isIdempotent(tool);
  }

  async #perform(task: ClaimedTask, run: TaskRun): Promise<void> {
    const end = await this.#endOf(task, run);
    if (end === undefined || run.isOver) return;
    const finished = await run.stored((store) => store.finish(run.claim, end));
    if (finished) this.#parts.news.changed(run.id);
  }

  /**
   * The end of a task whose run failed outside of the tool, whose own errors are results. @throws the error where a later run
   * may do better: a database was away, and the heartbeat abandons what nobody works at
   */
  #afterFault(task: ClaimedTask, run: TaskRun, error: unknown): TaskEnd {
    const known = toAppError(error, task.claim.id);
    if ((known.code === "internal" || isAway(known)) && this.#resumes(task, run)) throw error;
    this.#parts.onError(error);
    return failedWith(rpcErrorOf(known));
  }

  /** 0 where they cannot be stored: a full disk ends no task. */
  async #lossesOf(run: TaskRun): Promise<number> {
    try {
      return await run.countLoss();
    } catch (error) {
      if (error instanceof RunLeft) throw error;
      return 0;
    }
  }

  /** Undefined for a task that is left to others. */
  async #endOf(task: ClaimedTask, run: TaskRun): Promise<TaskEnd | undefined> {
    const { tools, store } = this.#parts;
    if (task.cancelRequested) return { status: "cancelled" };
    if (task.orphaned || (task.lost && !this.#resumes(task, run))) return interrupted();
    if (task.lost && (await this.#lossesOf(run)) >= MAX_LOSSES) {
      this.#parts.onError(new Error(deadly(task.tool)));
      return interrupted();
    }
    try {
      run.signal.throwIfAborted(); // a stop while the loss was counted: nothing bounds a handler begun after it
      return await tools.execute(task, run);
    } catch (error) {
      if (error instanceof RunLeft) throw error;
      if (run.isCancelled) return { status: "cancelled" };
      if (!this.#closed) return this.#afterFault(task, run, error);
      if (!this.#resumes(task, run)) return interrupted();
      await store.release(run.claim);
      return undefined;
    }
  }
}

/** Resolves when all have settled, or the time is over. */
async function settledWithin(all: readonly Promise<void>[], ms: number): Promise<void> {
  const over = Promise.withResolvers<void>();
  // Not unref'd: at a stop nothing else keeps the process, which would end in the middle of it.
  const timer = setTimeout(over.resolve, ms);
  await Promise.race([Promise.allSettled(all), over.promise]);
  clearTimeout(timer);
}

const interrupted = (): TaskEnd => {
  const data = { interrupted: true, retryable: true };
  return failedWith({ ...rpcErrorOf(interruptedError()), data });
};

const overdue = (): TaskEnd =>
  failedWith(
    rpcErrorOf(
      new AppError("limit", "This task expired before it ended.", {
        hint: "The setting task-age gives tasks more time.",
      }),
    ),
  );

const deadly = (tool: string): string =>
  `A task of the tool ${tool} was given up: the process died in ${MAX_LOSSES} of its runs, one after the other.`;

const stopping = (): AppError =>
  new AppError("busy", "The server is stopping.", { hint: "Try again." });
