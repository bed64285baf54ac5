// The argument `task` of a handler, as tool authors see it.
import type { ElicitResult, InputRequest } from "@modelcontextprotocol/server";

/** How work is tried again after a failure. */
export interface StepOptions {
  /** Number of further attempts after the first. Default: none. */
  retries?: number;
  /** Time before the second attempt, in milliseconds; it doubles each time. Default: 1 second. */
  backoffMs?: number;
}

/** How long an answer is waited for. */
export interface AskOptions {
  /** Time from the question on, in milliseconds; it ends before the task expires. */
  timeoutMs: number;
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
  /** The same for a time, also over restarts: then the question is closed, and the answer is undefined. */
  ask<Answer = ElicitResult>(
    name: string,
    request: InputRequest,
    options: AskOptions,
  ): Promise<Answer | undefined>;
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
