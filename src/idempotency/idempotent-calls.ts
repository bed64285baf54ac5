import { ShortLivedMap, ShortLivedSet } from "../lib/collections/short-lived.ts";
// Calls with a request key run once, however often they are repeated. A repeated call joins the running one, in this
// process or another, or gets the stored outcome. An interrupted call runs again if that is safe. Its completed
// changes are not repeated, because each commits with a note of it. Failures are not stored, so a repeated call tries
// again.
import { AppError, interruptedError, throughOutage } from "../lib/errors.ts";
import type { Expiring } from "../lib/expiring.ts";
import { type Changes, ChangeWait } from "../updates/changes.ts";

/** Time that a call goes on without callers: after a broken connection, the client repeats it soon. */
const ABANDONED_MS = 30_000;

export interface IdempotentCall {
  owner: string;
  /** The session that the call names, or "". */
  scope: string;
  key: string;
  /** A hash of the request: one key stands for one request. */
  request: string;
  /** True if the call only deletes: it gets room for its key even on a full disk. */
  frees?: boolean;
}

/**
 * `id` is opaque. `running` in another process; `lost` when its process is gone, or is this one, which has no
 * such run. `unregistered`: the instance is, and has begun nothing.
 */
export type IdempotentCallStart =
  | { kind: "started"; id: string; newSessionId: string }
  | { kind: "done"; outcome: string }
  | { kind: "running"; id: string }
  | { kind: "lost"; id: string; newSessionId: string }
  | { kind: "unregistered" };

export interface IdempotentCallStore extends Expiring {
  /**
   * Takes the key for this call, or returns the state of the call that has the key. A scope's oldest outcomes beyond
   * `max` are deleted.
   * @throws AppError `conflict` when the key stands for another request
   */
  begin(
    call: IdempotentCall,
    mine: { instanceId: string; newSessionId: string; max: number },
  ): Promise<IdempotentCallStart>;
  /**
   * Takes over a lost call; false if another process was faster, or has taken this one for dead. Works even on a full
   * disk, as `finish` and `drop` do.
   */
  adopt(id: string, instanceId: string): Promise<boolean>;
  /** Stores the outcome, as JSON. No effect if another instance has adopted the call. */
  finish(id: string, instanceId: string, outcome: string): Promise<void>;
  /** The changes of a run of this call: see `MakeOnce`. */
  changes(id: string, instanceId: string): MakeOnce;
  /** Frees the key, unless another instance has adopted the call. A repeated call may create the same new session. */
  drop(id: string, instanceId: string): Promise<void>;
}

/**
 * Runs `act`, which makes the change `what`. Each of its writes commits with a note of its result. If the process dies
 * and the call runs again, these writes return the noted results and change nothing.
 * @throws AppError `interrupted` when another instance has taken over the call; the errors of `act`
 */
export type MakeOnce = <T>(what: string, act: () => Promise<T>) => Promise<T>;

const MAX_PER_SCOPE = 1_000;
/** Lifetime of an outcome: much longer than a client goes on repeating. */
export const KEEP_OUTCOMES_MS = 24 * 3_600_000;

/** The reason to cancel a call without a cancellation: its connection has ended. */
export const CALLER_GONE = "The caller has gone.";

/** The arguments of a run. */
export interface Run {
  /** Aborted when no caller waits any more. */
  signal: AbortSignal;
  /** The id of the session that the call may create; the same in every run. */
  newSessionId: string;
  /** Wraps each change that the run makes. */
  change: MakeOnce;
  /** True if an earlier run was interrupted. */
  isRecovery: boolean;
}

/** The result of a run; with `keep`, repeated calls get it, too. */
export interface Outcome {
  value: unknown;
  keep: boolean;
}

export interface KeyedOptions {
  signal: AbortSignal;
  /** The id of the session that the first run may create. */
  newSessionId: string;
  /** True if an interrupted run may simply run again. */
  repeatable: boolean;
  /** True if a run finds out by itself what became of an interrupted one. */
  recovers?: boolean;
  run(run: Run): Promise<Outcome>;
}

/** A call that runs here, and the number of its callers. */
interface Shared {
  request: string;
  value: Promise<unknown>;
  waiting: number;
  abort: AbortController;
  abandoned: NodeJS.Timeout | undefined;
  ended: boolean;
}

/** This process, under the id of its instance. */
export interface LiveProcess {
  readonly id: string;
  /** Registers this process again, after others have taken it for dead. */
  confirm(): Promise<void>;
}

export class IdempotentCalls {
  readonly #store: IdempotentCallStore;
  readonly #runner: LiveProcess;
  readonly #changes: Changes;
  readonly #running = new ShortLivedMap<string, Shared>();
  /** The ids of the calls whose run is under way here. */
  readonly #ids = new ShortLivedSet<string>();
  #closing = false;

  constructor(store: IdempotentCallStore, runner: LiveProcess, changes: Changes) {
    this.#store = store;
    this.#runner = runner;
    this.#changes = changes;
  }

  /**
   * The value of the call's one run.
   * @throws AppError `conflict`; the errors of the run; the signal's reason when this caller cancels
   */
  async once(call: IdempotentCall, options: KeyedOptions): Promise<unknown> {
    const name = JSON.stringify([call.owner, call.scope, call.key]);
    for (;;) {
      const running = this.#running.get(name);
      if (running !== undefined && running.request !== call.request) throw new KeyTaken();
      if (running === undefined)
        return this.#wait(this.#share(name, call, options), options.signal);
      if (!running.abort.signal.aborted) return this.#wait(running, options.signal);
      await running.value.catch(() => undefined); // its last caller cancelled it: start a new run
    }
  }

  /** The ids of the calls that run in this process. */
  get running(): string[] {
    return [...this.#ids];
  }

  /** Cancels the running calls; resolves when that is stored. */
  async close(): Promise<void> {
    this.#closing = true;
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.allSettled(running.map(({ value }) => value));
  }

  #share(name: string, call: IdempotentCall, options: KeyedOptions): Shared {
    const abort = new AbortController();
    const shared: Shared = {
      request: call.request,
      value: this.#perform(call, options, abort.signal),
      waiting: 0,
      abort,
      abandoned: undefined,
      ended: false,
    };
    this.#running.set(name, shared);
    const ended = (): void => {
      shared.ended = true;
      clearTimeout(shared.abandoned);
      this.#running.delete(name);
    };
    shared.value.then(ended, ended);
    return shared;
  }

  async #wait(shared: Shared, signal: AbortSignal): Promise<unknown> {
    shared.waiting += 1;
    clearTimeout(shared.abandoned);
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", leave);
    if (signal.aborted) leave();
    try {
      return await Promise.race([shared.value, gone]);
    } finally {
      signal.removeEventListener("abort", leave);
      shared.waiting -= 1;
      if (shared.waiting === 0 && !shared.ended) this.#abandon(shared, signal.reason);
    }
  }

  #abandon(shared: Shared, reason: unknown): void {
    const giveUp = (): void => shared.abort.abort(reason);
    if (reason === CALLER_GONE) shared.abandoned = setTimeout(giveUp, ABANDONED_MS).unref();
    else giveUp();
  }

  async #perform(
    call: IdempotentCall,
    options: KeyedOptions,
    signal: AbortSignal,
  ): Promise<unknown> {
    const start = await this.#begin(call, options, signal);
    if (start.kind === "done") return outcomeOf(start.outcome);
    this.#ids.add(start.id);
    try {
      return await this.#run(start, options, signal);
    } finally {
      this.#ids.delete(start.id);
    }
  }

  async #run(
    start: Extract<IdempotentCallStart, { newSessionId: string }>,
    options: KeyedOptions,
    signal: AbortSignal,
  ): Promise<unknown> {
    const { id, newSessionId } = start;
    const isRecovery = start.kind === "lost";
    if (isRecovery && !options.repeatable && options.recovers !== true) {
      await this.#store.drop(id, this.#runner.id);
      throw interruptedError();
    }
    let outcome: Outcome;
    try {
      const change = this.#store.changes(id, this.#runner.id);
      outcome = await options.run({ signal, newSessionId, change, isRecovery });
    } catch (error) {
      // Keep the key of a call that the stop interrupts: it may have had an effect, as after a crash.
      if (!this.#closing || options.repeatable) await this.#store.drop(id, this.#runner.id);
      throw error;
    }
    // If the outcome cannot be stored, the key stays taken, and a repeated call finds the first one lost.
    await throughOutage(() =>
      outcome.keep
        ? this.#store.finish(id, this.#runner.id, storable(outcome.value))
        : this.#store.drop(id, this.#runner.id),
    );
    return outcome.value;
  }

  /** Takes the key; waits for a run of another process. */
  async #begin(call: IdempotentCall, { newSessionId }: KeyedOptions, signal: AbortSignal) {
    const first = await this.#take(call, newSessionId, signal);
    if (first.kind !== "running") return first;
    using waiting = new ChangeWait(this.#changes, { kind: "call", id: first.id });
    for (;;) {
      const start = await this.#take(call, newSessionId, signal);
      if (start.kind !== "running") return start;
      await waiting.next(signal);
    }
  }

  async #take(
    call: IdempotentCall,
    newSessionId: string,
    signal: AbortSignal,
  ): Promise<Exclude<IdempotentCallStart, { kind: "unregistered" }>> {
    const mine = { instanceId: this.#runner.id, newSessionId, max: MAX_PER_SCOPE };
    for (;;) {
      signal.throwIfAborted();
      const start = await this.#store.begin(call, mine);
      if (start.kind === "unregistered") await this.#runner.confirm();
      else if (start.kind !== "lost" || (await this.#store.adopt(start.id, this.#runner.id)))
        return start;
    }
  }
}

const MAX_OUTCOME_BYTES = 1_000_000;
/** Placeholder for an outcome that is too large to store. */
export const NOT_KEPT = "null";

function storable(value: unknown): string {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) > MAX_OUTCOME_BYTES ? NOT_KEPT : text;
}

/** @throws AppError `limit` for an outcome that was too large */
function outcomeOf(text: string): unknown {
  if (text !== NOT_KEPT) return JSON.parse(text);
  throw new AppError("limit", "This call was done, but its result took more room than there is.");
}

export class KeyTaken extends AppError {
  constructor() {
    super("conflict", "This request key already stands for another call.", {
      hint: "Use a new key for each new call, and the same one only to repeat it.",
    });
  }
}
