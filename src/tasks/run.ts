// One run of a task's handler, as its argument `task`. What the handler has done, asked and waited for is recorded, so that a
// later run gets it instead of doing it again. Not here: how a run is left (run-life.ts).
import { createHash } from "node:crypto";
import type { ElicitResult, InputRequest } from "@modelcontextprotocol/server";
import { AppError } from "../lib/errors.ts";
import { shortened } from "../lib/text/text.ts";
import type { AskOptions, StepContext, StepOptions, TaskHandle } from "./handle.ts";
import { RunLife, type RunParts } from "./run-life.ts";
import type { ClaimedTask, Step } from "./store.ts";
import { errorOf, type Failure, failureText, jsonOf } from "./values.ts";

const MAX_STATUS_BYTES = 1_000;
const MAX_NAME_BYTES = 200;
const MAX_STEPS = 10_000;
/** Between two stored reports of progress, in milliseconds. */
const PROGRESS_MS = 500;
/** Name of the step that holds the rounds of a handler which returns its questions. */
const ROUNDS = "holdfast:rounds";
/** Beginning of the name of the step that holds the end of a question's time. */
const UNTIL = "holdfast:until ";
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

export class TaskRun extends RunLife implements TaskHandle {
  #saved: unknown;
  readonly #expiresAt: number;
  readonly #steps: Map<string, Step>;
  /** Names used in this run. */
  readonly #used = new Set<string>();
  #sleeps = 0;
  #progressAt = -Infinity;

  constructor(task: ClaimedTask, parts: RunParts) {
    super(task, parts);
    const { checkpoint, steps, expiresAt } = task;
    this.#saved = checkpoint === null ? undefined : (JSON.parse(checkpoint) as unknown);
    this.#expiresAt = expiresAt ?? Number.MAX_SAFE_INTEGER;
    this.#steps = new Map(steps.map((step) => [step.name, step]));
  }

  get saved(): unknown {
    return this.#saved;
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

  async status(text: string): Promise<void> {
    const statusMessage = shortened(text, MAX_STATUS_BYTES);
    await this.write((store) => store.change(this.claim, { statusMessage }), { isSeen: true });
  }

  /** Stores a report, if the last one was some time ago. Readers only see it: it may be lost. */
  async report(progress: number, total?: number, message?: string): Promise<void> {
    const now = this.parts.clock.monotonic();
    if (!Number.isFinite(progress) || now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    const change = {
      progress,
      ...(Number.isFinite(total) && { progressTotal: total }),
      ...(typeof message === "string" && { statusMessage: shortened(message, MAX_STATUS_BYTES) }),
    };
    await this.write((store) => store.change(this.claim, change, { durable: false }), {
      isSeen: true,
    });
  }

  async checkpoint(value: unknown): Promise<void> {
    const checkpoint = jsonOf(value, "checkpoint");
    this.#saved = JSON.parse(checkpoint) as unknown;
    await this.write((store) => store.change(this.claim, { checkpoint }));
  }

  ask<Answer = ElicitResult>(name: string, request: InputRequest): Promise<Answer>;
  ask<Answer = ElicitResult>(
    name: string,
    request: InputRequest,
    options: AskOptions,
  ): Promise<Answer | undefined>;
  async ask<Answer = ElicitResult>(
    name: string,
    request: InputRequest,
    options?: AskOptions,
  ): Promise<Answer | undefined> {
    const known = this.#take(name, "ask");
    if (known?.result != null) return answerOf(known.result) as Answer | undefined;
    const end = options && this.#until(`${UNTIL}${name}`, options.timeoutMs, "ask");
    const steps: Step[] = end?.isNew === true ? [end.step] : [];
    if (known === undefined) {
      const question = jsonOf(request, `ask ${name}`);
      steps.push({ kind: "ask", name, request: question, result: null, failures: 0 });
    }
    // Together: a question that has a deadline never stands without it.
    if (steps.length > 0) await this.#record(steps, { isSeen: known === undefined });
    if (end === undefined || end.at > this.parts.clock.now()) return this.wait(end?.at ?? null);
    return answerOf(await this.closeQuestion(name)) as Answer | undefined;
  }

  /** The time of a wait: as recorded, or so long from now. @throws TypeError; AppError `invalid` beyond the task's expiry */
  #until(name: string, ms: number, what: string): { at: number; isNew: boolean; step: Step } {
    const known = this.#take(name, "sleep");
    if (known !== undefined) return { at: Number(known.result), isNew: false, step: known };
    if (!(ms >= 0))
      throw new TypeError(`task.${what}: expected milliseconds from 0, received ${ms}.`);
    const at = Math.ceil(this.parts.clock.now() + ms);
    if (at >= this.#expiresAt)
      throw new AppError("invalid", `task.${what}: the task expires before ${ms} ms have passed.`, {
        hint: "Wait for less; the setting task-age keeps tasks for longer.",
      });
    return { at, isNew: true, step: { kind: "sleep", name, result: String(at), failures: 0 } };
  }

  async sleep(ms: number, name = `sleep ${(this.#sleeps += 1)}`): Promise<void> {
    const end = this.#until(name, ms, "sleep");
    const { clock } = this.parts;
    if (end.at <= clock.now()) return;
    if (end.isNew) await this.#record([end.step]);
    await this.wait(end.at);
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
    if (noted > this.parts.clock.now()) return this.wait(noted);
    const context = { key: `${this.id}/${name}`, attempt: failures + 1, signal: this.signal };
    const done = await this.#attempt(() => work(context));
    if ("error" in done) {
      if (this.signal.aborted) throw done.error;
      const next = Math.ceil(this.parts.clock.now() + backoffMs * 2 ** failures);
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
    try {
      return { value: await this.busy(work) };
    } catch (error) {
      return { error };
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
      await this.within(() => this.wait(null));
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
    return this.within(() => this.wait(null));
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
    const own =
      typeof name === "string" && name.startsWith(UNTIL) ? name.slice(UNTIL.length) : name;
    if (typeof own !== "string" || own === "" || Buffer.byteLength(own) > MAX_NAME_BYTES)
      throw new TypeError(`A step's name has 1 to ${MAX_NAME_BYTES} bytes.`);
    if (this.#used.has(name) || (known !== undefined && known.kind !== kind))
      throw new TypeError(`Two steps of this task have the name ${JSON.stringify(name)}.`);
    this.#used.add(name);
    return known;
  }

  async #record(steps: readonly Step[], options?: { isSeen: boolean }): Promise<void> {
    if (this.#steps.size + steps.length > MAX_STEPS)
      throw new AppError("limit", `A task can have at most ${MAX_STEPS} steps.`);
    await this.write((store) => store.record(this.claim, steps), options);
    for (const step of steps) this.#steps.set(step.name, step);
  }

  /** Notes a failure, and waits until the next attempt is due. */
  async #again<T>(name: string, failures: number, until: number): Promise<T> {
    await this.#record([{ kind: "do", name, request: String(until), result: null, failures }]);
    return this.wait(until);
  }
}

/** Undefined for a question that was closed without an answer. */
const answerOf = (result: string): unknown => (JSON.parse(result) as unknown) ?? undefined;
