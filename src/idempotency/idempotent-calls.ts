// Calls that came with a request key: done once, however often they are repeated. One that is still running is joined, by
// callers in this process and in others; one that has ended answers with what it said. One that a crash cut short is run
// again where it may be: the changes that it had made stay made, for each commits with a note of it. Failures are not
// kept: repeating a call that failed tries again.
import type { Expiring } from "../lib/expiring.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, interruptedError } from "../lib/errors.ts";

/** How often a call of another process is looked at again. */
const POLL_MS = 100;
/** How long a call goes on when all its callers have gone: one whose connection broke repeats it soon. */
const ABANDONED_MS = 30_000;

export interface IdempotentCall {
  owner: string;
  /** The session that the call named; empty for none. */
  scope: string;
  key: string;
  /** A hash of what is asked: one key stands for one request. */
  request: string;
}

/** `running` elsewhere; `lost` when the process that ran it is gone, or is this one, which knows of no such run. */
export type IdempotentCallStart =
  | { kind: "started"; id: number; newSessionId: string }
  | { kind: "done"; outcome: string }
  | { kind: "running" }
  | { kind: "lost"; id: number; newSessionId: string };

export interface IdempotentCallStore extends Expiring {
  /**
   * Takes the key for this call, or tells what became of the call that has it. The oldest beyond `max` of a scope go.
   * @throws AppError `conflict` when the key stands for another request
   */
  begin(
    call: IdempotentCall,
    mine: { instanceId: string; newSessionId: string; max: number },
  ): Promise<IdempotentCallStart>;
  /** Takes over a lost call; false when another process was faster. */
  adopt(id: number, instanceId: string): Promise<boolean>;
  /** `outcome` is JSON. Nothing happens when another instance has adopted the call. */
  finish(id: number, instanceId: string, outcome: string): Promise<void>;
  /** The changes of a run of this call: see `Changes`. */
  changes(id: number, instanceId: string): Changes;
  /** Frees the key, unless another instance has adopted the call. Repeated, it may open the same new session. */
  drop(id: number, instanceId: string): Promise<void>;
}

/**
 * Runs `act`, which changes `what`. Each of its writes commits with a note of what it gave. When the process dies and the
 * call is run again, the same writes of the same change answer with that instead of being done once more.
 * @throws AppError `interrupted` when another instance has taken the call over; what `act` throws
 */
export type Changes = <T>(what: string, act: () => Promise<T>) => Promise<T>;

const MAX_PER_SCOPE = 1_000;
/** How long an outcome is kept: much longer than a caller goes on repeating. */
export const KEEP_OUTCOMES_MS = 24 * 3_600_000;

/** Why a call is given up whose caller did not say so: its connection has ended. */
export const CALLER_GONE = "The caller has gone.";

/** What a run of a call is given. */
export interface Run {
  /** Aborted when nobody waits for the call any more. */
  signal: AbortSignal;
  /** The id for a session that it may have to open: the same when it is run again. */
  newSessionId: string;
  /** For each change that it makes. */
  change: Changes;
}

/** What a run ends with; `keep` when repeated calls get it too. */
export interface Outcome {
  value: unknown;
  keep: boolean;
}

export interface KeyedOptions {
  signal: AbortSignal;
  /** The id for a session that the first run may have to open. */
  newSessionId: string;
  /** Whether a run that was cut short may simply be run again. */
  repeatable: boolean;
  run(run: Run): Promise<Outcome>;
}

/** A call that runs here, and those who wait for it. */
interface Shared {
  request: string;
  value: Promise<unknown>;
  waiting: number;
  abort: AbortController;
  abandoned: NodeJS.Timeout | undefined;
  ended: boolean;
}

/** The process on whose behalf calls are run. */
export interface LiveProcess {
  readonly id: string;
  /** Makes sure that other processes know it to be alive. */
  confirm(): Promise<void>;
}

export class IdempotentCalls {
  readonly #store: IdempotentCallStore;
  readonly #runner: LiveProcess;
  readonly #running = new Map<string, Shared>();
  #closing = false;

  constructor(store: IdempotentCallStore, runner: LiveProcess) {
    this.#store = store;
    this.#runner = runner;
  }

  /**
   * The value of the call's one run.
   * @throws AppError `conflict`; what the run throws; the signal's reason when this caller gives up
   */
  async once(call: IdempotentCall, options: KeyedOptions): Promise<unknown> {
    const name = JSON.stringify([call.owner, call.scope, call.key]);
    for (;;) {
      const running = this.#running.get(name);
      if (running !== undefined && running.request !== call.request) throw new KeyTaken();
      if (running === undefined)
        return this.#wait(this.#share(name, call, options), options.signal);
      if (!running.abort.signal.aborted) return this.#wait(running, options.signal);
      await running.value.catch(() => undefined); // given up by its last caller: this one begins anew
    }
  }

  /** Gives up what still runs; resolves when that is noted. */
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
    const { id, newSessionId } = start;
    if (start.kind === "lost" && !options.repeatable) {
      await this.#store.drop(id, this.#runner.id);
      throw interruptedError();
    }
    let outcome: Outcome;
    try {
      const change = this.#store.changes(id, this.#runner.id);
      outcome = await options.run({ signal, newSessionId, change });
    } catch (error) {
      // What a stop cuts short may have had an effect: the key stays taken, as after a crash.
      if (!this.#closing || options.repeatable) await this.#store.drop(id, this.#runner.id);
      throw error;
    }
    // An outcome that cannot be stored leaves the key taken: the repeated call finds that the first one was lost.
    if (outcome.keep) await this.#store.finish(id, this.#runner.id, storable(outcome.value));
    else await this.#store.drop(id, this.#runner.id);
    return outcome.value;
  }

  /** Takes the key, waiting for a run of another process. */
  async #begin(call: IdempotentCall, { newSessionId }: KeyedOptions, signal: AbortSignal) {
    const mine = { instanceId: this.#runner.id, newSessionId, max: MAX_PER_SCOPE };
    for (;;) {
      signal.throwIfAborted();
      const [start] = await Promise.all([this.#store.begin(call, mine), this.#runner.confirm()]);
      if (start.kind === "lost" && !(await this.#store.adopt(start.id, this.#runner.id))) continue;
      if (start.kind !== "running") return start;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

const MAX_OUTCOME_BYTES = 1_000_000;
/** In the place of an outcome for which there is no room. */
export const NOT_KEPT = "null";

function storable(value: unknown): string {
  const text = JSON.stringify(value);
  return Buffer.byteLength(text) > MAX_OUTCOME_BYTES ? NOT_KEPT : text;
}

/** @throws AppError `limit` for an outcome that was not kept */
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
