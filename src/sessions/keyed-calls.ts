// Calls that came with a request key: done once, however often they are repeated. One that is still running is joined, by
// callers in this process and in others; one that has ended answers with what it said. Failures are not kept: repeating
// a call that failed tries again.
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../kernel/errors.ts";
import { newId } from "../kernel/ids.ts";

/** How often a call of another process is looked at again. */
const POLL_MS = 100;
/** How long a call goes on when all its callers have gone: one whose connection broke repeats it soon. */
const ABANDONED_MS = 30_000;

export interface KeyedCall {
  owner: string;
  /** The session that the call named; empty for none. */
  scope: string;
  key: string;
  /** A hash of what is asked: one key stands for one request. */
  request: string;
}

/** `running` elsewhere; `lost` when the process that ran it is gone. */
export type KeyedCallStart =
  | { kind: "started"; id: number; newSessionId: string }
  | { kind: "done"; outcome: string }
  | { kind: "running" }
  | { kind: "lost"; id: number; newSessionId: string };

export interface KeyedCallStore {
  /**
   * Takes the key for this call, or tells what became of the call that has it. The oldest beyond `max` of a scope go.
   * @throws AppError `conflict` when the key stands for another request
   */
  begin(
    call: KeyedCall,
    mine: { instanceId: string; newSessionId: string; max: number },
  ): Promise<KeyedCallStart>;
  /** Takes over a lost call; false when another process was faster. */
  adopt(id: number, instanceId: string): Promise<boolean>;
  /** `outcome` is JSON. */
  finish(id: number, outcome: string): Promise<void>;
  /** Frees the key. */
  drop(id: number): Promise<void>;
  countExpired(): Promise<number>;
  /** Deletes at most `limit` calls that are too old to be repeated; resolves to how many. */
  deleteExpired(limit: number): Promise<number>;
}

const MAX_PER_SCOPE = 1_000;

/** Why a call is given up whose caller did not say so: its connection has ended. */
export const CALLER_GONE = "The caller has gone.";

/** What a run of a call is given. */
export interface Run {
  /** Aborted when nobody waits for the call any more. */
  signal: AbortSignal;
  /** The id for a session that it may have to open: the same when it is run again. */
  newSessionId: string;
}

/** What a run ends with; `keep` when repeated calls get it too. */
export interface Outcome {
  value: unknown;
  keep: boolean;
}

export interface KeyedOptions {
  signal: AbortSignal;
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

export class KeyedCalls {
  readonly #store: KeyedCallStore;
  readonly #instanceId: string;
  readonly #running = new Map<string, Shared>();

  constructor(store: KeyedCallStore, instanceId: string) {
    this.#store = store;
    this.#instanceId = instanceId;
  }

  /**
   * The value of the call's one run.
   * @throws AppError `conflict`; what the run throws; the signal's reason when this caller gives up
   */
  async once(call: KeyedCall, options: KeyedOptions): Promise<unknown> {
    const name = JSON.stringify([call.owner, call.scope, call.key]);
    const running = this.#running.get(name);
    if (running !== undefined && running.request !== call.request) throw keyTaken();
    return this.#wait(running ?? this.#share(name, call, options), options.signal);
  }

  /** Gives up what still runs. */
  close(): void {
    for (const { abort } of this.#running.values()) abort.abort();
  }

  #share(name: string, call: KeyedCall, options: KeyedOptions): Shared {
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
      if (shared.waiting === 0 && !shared.ended) {
        const after = signal.reason === CALLER_GONE ? ABANDONED_MS : 0;
        shared.abandoned = setTimeout(() => shared.abort.abort(signal.reason), after).unref();
      }
    }
  }

  async #perform(
    call: KeyedCall,
    { repeatable, run }: KeyedOptions,
    signal: AbortSignal,
  ): Promise<unknown> {
    const start = await this.#begin(call, signal);
    if (start.kind === "done") return JSON.parse(start.outcome);
    const { id, newSessionId } = start;
    if (start.kind === "lost" && !repeatable) {
      await this.#store.drop(id);
      throw new AppError("conflict", "The first call with this key was interrupted by a restart.", {
        hint: "Whether it had an effect is not known: look, and call again if it had none.",
      });
    }
    let kept = false;
    try {
      const { value, keep } = await run({ signal, newSessionId });
      if (keep) await this.#store.finish(id, JSON.stringify(value));
      kept = keep;
      return value;
    } finally {
      if (!kept) await this.#store.drop(id);
    }
  }

  /** Takes the key, waiting for a run of another process. */
  async #begin(call: KeyedCall, signal: AbortSignal) {
    const mine = { instanceId: this.#instanceId, newSessionId: newId(), max: MAX_PER_SCOPE };
    for (;;) {
      signal.throwIfAborted();
      const start = await this.#store.begin(call, mine);
      if (start.kind === "lost" && !(await this.#store.adopt(start.id, this.#instanceId))) continue;
      if (start.kind !== "running") return start;
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}

export const keyTaken = (): AppError =>
  new AppError("conflict", "This request key already stands for another call.", {
    hint: "Use a new key for each new call, and the same one only to repeat it.",
  });
