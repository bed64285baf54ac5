// One run of a task's handler. What the handler has done, asked and waited for is recorded, so that a later run gets it instead
// of doing it again. A handler that waits is not kept: its promise is dropped, and the handler runs anew when the answer or
// the time has come. So a task that waits costs its rows and nothing else.
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ElicitResult, InputRequest } from "@modelcontextprotocol/server";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { shortened } from "../lib/text/text.ts";
import type { TaskNews } from "./news.ts";
import { type Claim, type ClaimedTask, DUE, type Step, type TaskStore } from "./store.ts";
import { errorOf, type Failure, failureText, jsonOf } from "./values.ts";

/** How work is tried again after a failure. */
export interface StepOptions {
  /** Number of further attempts after the first. Default: none. */
  retries?: number;
  /** Time before the second attempt, in milliseconds; it doubles each time. Default: 1 second. */
  backoffMs?: number;
}

/** The argument of a step's function. */
export interface StepContext {
  /** The same in every attempt: for services that do nothing twice with one idempotency key. */
  key: string;
  /** 1 for the first attempt. */
  attempt: number;
  signal: AbortSignal;
}

/** The argument `task` of a handler. */
export interface TaskHandle {
  readonly id: string;
  /** Number of the run: 1 for the first. */
  readonly attempt: number;
  /** The last value of `checkpoint`; undefined without one. */
  readonly saved: unknown;
  /** Tells readers how far the task is. */
  status(text: string): Promise<void>;
  /**
   * Asks the caller, and waits for the answer. The name stands for the question in all runs.
   * @param request made by `inputRequired.elicit(…)`, `.createMessage(…)` or `.listRoots()`
   */
  ask<Answer = ElicitResult>(name: string, request: InputRequest): Promise<Answer>;
  /** Keeps a JSON value for a later run, in place of the last one. */
  checkpoint(value: unknown): Promise<void>;
  /** Waits so long, also over restarts; not beyond the task's expiry. Without a name, the order of the calls tells sleeps apart. */
  sleep(ms: number, name?: string): Promise<void>;
  /** Does a piece of work once: later runs get its result, as JSON. The name stands for the work in all runs. */
  step<T>(
    name: string,
    work: (context: StepContext) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<T>;
}

/** Thrown in place of a result by a run that has ended before its handler: the task waits, or is another process's. */
export class RunLeft extends Error {}

/** Time that a handler has to heed the signal of a stop, in milliseconds. */
const HEED_MS = 200;
const MAX_STATUS_BYTES = 1_000;
const MAX_NAME_BYTES = 200;
const MAX_STEPS = 10_000;
/** Between two stored reports of progress, in milliseconds. */
const PROGRESS_MS = 500;
/** Name of the step that holds the rounds of a handler which returns its questions. */
const ROUNDS = "holdfast:rounds";
/** Name of the step that counts the lost runs. */
const LOSSES = "holdfast:losses";

/** A handler's returned questions. */
interface Rounds {
  /** The handler's name of each question of the last round, by the name in the task. */
  asked: Record<string, string>;
  state: unknown;
  /** Number of rounds so far. */
  n: number;
}

/** Runs in a row whose process died. */
interface Losses {
  /** Number of the run that counted last. */
  attempt: number;
  n: number;
  /** Digest of what was recorded then. */
  recorded: string;
}

/** An outstanding wait: until a time, or for an answer. */
type Wait = { until: number | null };

export class TaskRun implements TaskHandle {
  readonly id: string;
  readonly attempt: number;
  readonly claim: Claim;
  readonly saved: unknown;
  /** Session that the run has opened, if the task had none. */
  session: string | null;
  #noted: string | null;
  readonly #expiresAt: number;
  readonly #parts: { store: TaskStore; news: TaskNews; clock: Clock };
  readonly #abort = new AbortController();
  readonly #steps: Map<string, Step>;
  /** Names used in this run. */
  readonly #used = new Set<string>();
  readonly #answered: number;
  readonly #left = Promise.withResolvers<never>();
  readonly #waits: Wait[] = [];
  /** Steps and writes under way: while there are any, the run does not leave. */
  #busy = 0;
  #sleeps = 0;
  #over = false;
  #isSettled = false;
  #isLeaving = false;
  #isCancelled = false;
  #progressAt = -Infinity;
  #heed: NodeJS.Timeout | undefined;

  constructor(task: ClaimedTask, parts: { store: TaskStore; news: TaskNews; clock: Clock }) {
    const { claim, checkpoint, steps, sessionId, expiresAt } = task;
    this.claim = claim;
    this.id = claim.id;
    this.attempt = claim.attempt;
    this.saved = checkpoint === null ? undefined : (JSON.parse(checkpoint) as unknown);
    this.session = this.#noted = sessionId;
    this.#expiresAt = expiresAt ?? Number.MAX_SAFE_INTEGER;
    this.#parts = parts;
    this.#steps = new Map(steps.map((step) => [step.name, step]));
    this.#answered = steps.filter(({ kind, result }) => kind === "ask" && result !== null).length;
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

  /** True if a later run can go on from here. */
  get hasRecorded(): boolean {
    return this.#steps.size > 0 || this.saved !== undefined;
  }

  /** Counts the run before this one as lost; resolves to the number of lost runs in a row that recorded nothing new. @throws RunLeft */
  async countLoss(): Promise<number> {
    const noted = this.#steps.get(LOSSES)?.result;
    const last = noted == null ? undefined : (JSON.parse(noted) as Losses);
    const others = [...this.#steps.values()].filter(({ name }) => name !== LOSSES);
    const recorded = createHash("sha256")
      .update(JSON.stringify([others, this.saved]))
      .digest("base64url");
    const isInRow = last?.attempt === this.attempt - 1 && last.recorded === recorded;
    const losses: Losses = { attempt: this.attempt, n: isInRow ? last.n + 1 : 1, recorded };
    const result = JSON.stringify(losses);
    const note = { kind: "do", name: LOSSES, result, failures: 0 } as const;
    await this.within(() => this.#record([note]));
    return losses.n;
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
  lose(): void {
    if (this.#over) return;
    this.#over = true;
    this.#abort.abort(new RunLeft("Another process runs this task now."));
    this.#left.reject(new RunLeft());
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

  async status(text: string): Promise<void> {
    const statusMessage = shortened(text, MAX_STATUS_BYTES);
    await this.#write((store) => store.change(this.claim, { statusMessage }), { isSeen: true });
  }

  /** Stores a report, if the last one was some time ago. Readers only see it: it may be lost. */
  async report(progress: number, total?: number, message?: string): Promise<void> {
    const now = this.#parts.clock.monotonic();
    if (!Number.isFinite(progress) || now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    const change = {
      progress,
      ...(Number.isFinite(total) && { progressTotal: total }),
      ...(typeof message === "string" && { statusMessage: shortened(message, MAX_STATUS_BYTES) }),
    };
    await this.#write((store) => store.change(this.claim, change, { durable: false }), {
      isSeen: true,
    });
  }

  async checkpoint(value: unknown): Promise<void> {
    const checkpoint = jsonOf(value, "checkpoint");
    (this as { saved: unknown }).saved = JSON.parse(checkpoint) as unknown;
    await this.#write((store) => store.change(this.claim, { checkpoint }));
  }

  async ask<Answer = ElicitResult>(name: string, request: InputRequest): Promise<Answer> {
    const known = this.#take(name, "ask");
    if (known?.result != null) return JSON.parse(known.result) as Answer;
    if (known === undefined) {
      const question = jsonOf(request, `ask ${name}`);
      const asked = { kind: "ask", name, request: question, result: null, failures: 0 } as const;
      await this.#record([asked], { isSeen: true });
    }
    return this.#wait(null);
  }

  async sleep(ms: number, name = `sleep ${(this.#sleeps += 1)}`): Promise<void> {
    if (!(ms >= 0))
      throw new TypeError(`task.sleep: expected milliseconds from 0, received ${ms}.`);
    const { clock } = this.#parts;
    const known = this.#take(name, "sleep");
    const until = known ? Number(known.result) : Math.ceil(clock.now() + ms);
    if (until <= clock.now()) return;
    if (known === undefined && until >= this.#expiresAt)
      throw new AppError("invalid", `task.sleep: the task expires before ${ms} ms have passed.`, {
        hint: "Sleep for less; the setting task-age keeps tasks for longer.",
      });
    if (known === undefined)
      await this.#record([{ kind: "sleep", name, result: String(until), failures: 0 }]);
    await this.#wait(until);
  }

  async step<T>(
    name: string,
    work: (context: StepContext) => T | Promise<T>,
    { retries = 0, backoffMs = 1_000 }: StepOptions = {},
  ): Promise<T> {
    const known = this.#take(name, "do");
    if (known?.result != null) return JSON.parse(known.result) as T;
    const failures = known?.failures ?? 0;
    const noted = known?.request == null ? 0 : (JSON.parse(known.request) as number | Failure);
    if (typeof noted === "object") throw errorOf(noted);
    if (noted > this.#parts.clock.now()) return this.#wait(noted);
    const context = { key: `${this.id}/${name}`, attempt: failures + 1, signal: this.signal };
    const done = await this.#attempt(() => work(context));
    if ("error" in done) {
      if (this.signal.aborted) throw done.error;
      const next = Math.ceil(this.#parts.clock.now() + backoffMs * 2 ** failures);
      if (failures < retries && next < this.#expiresAt)
        return this.#again(name, failures + 1, next);
      return this.#fail(name, failures + 1, done.error);
    }
    let result: string;
    try {
      result = jsonOf(done.value, `step ${name}`);
    } catch (error) {
      return this.#fail(name, failures + 1, error);
    }
    await this.#record([{ kind: "do", name, result, failures }]);
    return JSON.parse(result) as T;
  }

  /** The work alone: a fault in its recording does not repeat it. */
  async #attempt<T>(work: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
    this.#busy += 1;
    try {
      return { value: await work() };
    } catch (error) {
      return { error };
    } finally {
      this.#done();
    }
  }

  /** Notes the last failure of work, which later runs throw again. */
  async #fail(name: string, failures: number, error: unknown): Promise<never> {
    await this.#record([{ kind: "do", name, request: failureText(error), result: null, failures }]);
    throw error;
  }

  /** Answers and state of the earlier rounds of a handler that returns its questions. */
  rounds(): { responses: Record<string, unknown> | undefined; state: unknown } {
    const { asked, state } = this.#rounds();
    const responses: Record<string, unknown> = {};
    for (const [name, own] of Object.entries(asked))
      responses[own] = JSON.parse(this.#steps.get(name)?.result ?? "null");
    return { responses: Object.keys(asked).length === 0 ? undefined : responses, state };
  }

  /** Waits for the answers to the last round, if some are open. */
  async settleRound(): Promise<void> {
    const { asked } = this.#rounds();
    if (Object.keys(asked).some((name) => this.#steps.get(name)?.result == null))
      await this.within(() => this.#wait(null));
  }

  /** Asks what a handler returned in place of a result, and leaves. @throws RunLeft */
  async question(requests: Readonly<Record<string, unknown>>, state: unknown): Promise<never> {
    const n = this.#rounds().n + 1;
    const asked = Object.keys(requests).map((own) => [this.#unused(own, n), own] as const);
    const questions = asked.map(([name, own]): Step => {
      const request = jsonOf(requests[own], `inputRequests.${own}`);
      return { kind: "ask", name, request, result: null, failures: 0 };
    });
    const rounds: Rounds = { asked: Object.fromEntries(asked), state: state ?? null, n };
    const note: Step = {
      kind: "do",
      name: ROUNDS,
      result: jsonOf(rounds, "requestState"),
      failures: 0,
    };
    await this.#record([note, ...questions], { isSeen: true });
    return this.within(() => this.#wait(null));
  }

  #rounds(): Rounds {
    const noted = this.#steps.get(ROUNDS)?.result;
    return noted == null ? { asked: {}, state: undefined, n: 0 } : (JSON.parse(noted) as Rounds);
  }

  /** A name for a question that no earlier one had: answers are told by their names. */
  #unused(name: string, n: number): string {
    return this.#steps.has(name) ? `${name}-${n}` : name;
  }

  /** A recorded step of that name, which this run uses once. */
  #take(name: string, kind: Step["kind"]): Step | undefined {
    const known = this.#steps.get(name);
    if (typeof name !== "string" || name === "" || Buffer.byteLength(name) > MAX_NAME_BYTES)
      throw new TypeError(`A step's name has 1 to ${MAX_NAME_BYTES} bytes.`);
    if (this.#used.has(name) || (known !== undefined && known.kind !== kind))
      throw new TypeError(`Two steps of this task have the name ${JSON.stringify(name)}.`);
    this.#used.add(name);
    return known;
  }

  async #record(steps: readonly Step[], options?: { isSeen: boolean }): Promise<void> {
    if (this.#steps.size + steps.length > MAX_STEPS)
      throw new AppError("limit", `A task can have at most ${MAX_STEPS} steps.`);
    await this.#write((store) => store.record(this.claim, steps), options);
    for (const step of steps) this.#steps.set(step.name, step);
  }

  /** Notes a failure, and waits until the next attempt is due. */
  async #again<T>(name: string, failures: number, until: number): Promise<T> {
    await this.#record([{ kind: "do", name, request: String(until), result: null, failures }]);
    return this.#wait(until);
  }

  /** Never returns without the claim: the handler of a lost run goes no further. */
  async #write(
    write: (store: TaskStore) => Promise<boolean>,
    { isSeen }: { isSeen: boolean } = { isSeen: false },
  ): Promise<void> {
    if (this.#over) return never();
    this.#busy += 1;
    try {
      if (await write(this.#parts.store)) {
        if (isSeen) this.#parts.news.changed(this.id);
        return;
      }
    } finally {
      this.#done();
    }
    this.lose();
    return never();
  }

  /** Never returns: the run leaves when nothing else is under way. */
  #wait(until: number | null): Promise<never> {
    this.#waits.push({ until });
    void this.#leave();
    return never();
  }

  /** Ends work that was under way. */
  #done(): void {
    this.#busy -= 1;
    if (this.#busy === 0 && this.#waits.length > 0) void this.#leave();
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
    const { store, news } = this.#parts;
    try {
      await this.noteSession();
      await store.park(this.claim, times.length === 0 ? null : Math.min(...times), this.#answered);
      this.#left.reject(new RunLeft());
      news.changed(this.id, DUE);
    } catch (error) {
      this.#left.reject(error);
    }
  }

  /** Stores the session that the run has opened. */
  async noteSession(): Promise<void> {
    if (this.session === this.#noted || this.session === null) return;
    this.#noted = this.session;
    await this.#parts.store.setSession(this.claim, this.session);
  }
}

const never = (): Promise<never> => new Promise<never>(() => undefined);
