// The calls of tools in this process, for people who look: those that run, and the last ones that ended.
import type { Principal } from "../auth/principal.ts";
import { Bag, type Place } from "../lib/collections/bag.ts";
import { newId } from "../lib/ids.ts";
import { Listeners } from "../lib/listeners.ts";
import { shortened } from "../lib/text/text.ts";
import type { CallChannel } from "./session/context.ts";

export interface CallRecord {
  /** Unique among all processes. */
  readonly id: string;
  readonly tool: string;
  readonly principal: string;
  /** Name of the calling program, of any text. */
  readonly program: string | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Id of the session, once it is known. */
  session: string | undefined;
}

export interface RunningCall extends CallRecord {
  /** Last report of the tool. */
  progress: { done: number; total: number | undefined; message: string | undefined } | undefined;
  /** False for a tool that answers at once. */
  readonly isStoppable: boolean;
}

export interface EndedCall extends CallRecord {
  /** `ok`, `input_required`, `cancelled`, or the code of an error. */
  readonly outcome: string;
  readonly ms: number;
  /** Text of the failure, as its caller got it. */
  readonly reason: string | undefined;
}

export interface CallEnding {
  outcome: string;
  reason?: string | undefined;
}

/** Ended calls that are kept. */
const KEPT = 200;
const MAX_REASON_BYTES = 300;
/** Bound on other texts that programs choose. */
const MAX_TEXT_BYTES = 100;

/** The reason of the signal of a call that somebody has stopped here. */
export class Stopped extends Error {
  constructor() {
    super("Somebody stopped this call in the console; it may have been done in part.");
  }
}

export class CallActivity {
  readonly #running = new Bag<Watched>();
  /** A ring: the oldest entry is at `#next` once it is full. */
  readonly #ended: EndedCall[] = [];
  #next = 0;
  readonly #listeners = new Listeners();

  /** Calls `listener` when a call begins, ends or reports progress. */
  get watch(): Listeners["watch"] {
    return this.#listeners.watch;
  }

  begin(tool: string, { id }: Principal, channel: CallChannel, isStoppable: boolean): Watched {
    const onProgress = (): void => this.#listeners.tell();
    const call = new Watched({ tool, principal: id, channel, isStoppable, onProgress });
    call.place = this.#running.add(call);
    this.#listeners.tell();
    return call;
  }

  end(call: Watched, { outcome, reason }: CallEnding): void {
    if (call.place) this.#running.remove(call.place);
    call.forget();
    const { id, tool, principal, program, startedAt, session } = call;
    this.#ended[this.#next] = {
      ...{ id, tool, principal, program, startedAt, session },
      ...{ outcome, ms: performance.now() - call.began },
      reason: reason === undefined ? undefined : shortened(reason, MAX_REASON_BYTES),
    };
    this.#next = (this.#next + 1) % KEPT;
    this.#listeners.tell();
  }

  /** The oldest first. */
  running(): readonly RunningCall[] {
    return this.#running.values.toSorted((a, b) => a.began - b.began);
  }

  /** The newest first. */
  ended(): readonly EndedCall[] {
    return [...this.#ended.slice(this.#next), ...this.#ended.slice(0, this.#next)].toReversed();
  }

  /** Ask a running call to stop: its tool sees an aborted signal. False if it does not run, or cannot be stopped. */
  stop(id: string): boolean {
    return this.#running.values.find((call) => call.id === id)?.stop() ?? false;
  }
}

/** What a tool reports, whose author may pass anything. */
function progressOf(done: unknown, total: unknown, message: unknown): RunningCall["progress"] {
  if (typeof done !== "number") return undefined;
  return {
    done,
    total: typeof total === "number" ? total : undefined,
    message: typeof message === "string" ? shortened(message, MAX_TEXT_BYTES) : undefined,
  };
}

/** Part of the ids of this process's calls: an id of its own for each would cost more than a quick tool. */
const PROCESS = newId();
let last = 0;

/** A call while it runs. */
export class Watched implements RunningCall {
  readonly id = `${PROCESS}-${++last}`;
  readonly tool: string;
  readonly principal: string;
  readonly program: string | undefined;
  readonly startedAt = Date.now();
  readonly began = performance.now();
  session: string | undefined;
  progress: RunningCall["progress"];
  /** The place among the running calls. */
  place: Place<Watched> | undefined;
  /** The channel for the tool, whose progress is seen here. */
  readonly channel: CallChannel;
  readonly #abort: AbortController | undefined;
  #isStopped = false;
  readonly #onProgress: () => void;
  /** Ends the watch over the caller's signal. */
  #unwatch: (() => void) | undefined;

  constructor({
    tool,
    principal,
    channel,
    isStoppable,
    onProgress,
  }: {
    tool: string;
    principal: string;
    channel: CallChannel;
    isStoppable: boolean;
    onProgress: () => void;
  }) {
    this.#onProgress = onProgress;
    this.tool = tool;
    this.principal = principal;
    const program = channel.client?.name;
    this.program = program === undefined ? undefined : shortened(program, MAX_TEXT_BYTES);
    // Quick calls are many: they get no signal of their own.
    this.#abort = isStoppable ? new AbortController() : undefined;
    this.channel = this.#abort === undefined ? channel : this.#watching(channel, this.#abort);
  }

  get isStoppable(): boolean {
    return this.#abort !== undefined;
  }

  /** True if the call was stopped by `stop`. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): boolean {
    this.#isStopped = this.#abort !== undefined;
    this.#abort?.abort(new Stopped());
    return this.#isStopped;
  }

  /** To be called at the end. */
  forget(): void {
    this.#unwatch?.();
  }

  /** The channel with a signal of its own. `AbortSignal.any` would cost more than a quick tool. */
  #watching(channel: CallChannel, abort: AbortController): CallChannel {
    const { signal } = channel;
    const cancel = (): void => abort.abort(signal.reason);
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", cancel);
    return {
      ...channel,
      signal: abort.signal,
      progress: (done, total, message) => {
        this.progress = progressOf(done, total, message);
        this.#onProgress();
        return channel.progress(done, total, message);
      },
    };
  }
}
