// Attempts at the summaries of sessions. A turn waits a moment for one; a summary that is slow goes on in the background,
// and one that fails is tried again some turns later. The summary so far stays meanwhile.
import { boundedCache } from "../../lib/cache/bounded-cache.ts";
import { AppError, toAppError } from "../../lib/errors.ts";
import type { View, WindowAsk } from "../context-window.ts";
import type { Message } from "../message.ts";
import type { Turn } from "../store.ts";
import { type Asked, type Made, Summarizer, type SummarizerParts } from "./summarizer.ts";

/** The attempts at one session's summary. */
interface Attempts {
  /** Number of failures in a row. */
  failures: number;
  /** Turns to go without another attempt. */
  rest: number;
  /** The attempt that is under way. It never rejects, and resolves to an error that ends the turn. */
  running: Promise<AppError | undefined> | undefined;
  made: Made | undefined;
}

export interface SummariesParts extends SummarizerParts {
  /** The longest silence of the model in a turn. */
  modelTimeoutMs: number;
}

/** A turn waits so long for a summary; then it goes on without, and the next turn takes it. */
const MAX_WAIT_MS = 10_000;
/** A summary may take so many times a turn's time. */
const PATIENCE = 5;
/** Turns without an attempt after the first failure; each failure doubles them up to the most. */
const FIRST_REST = 2;
const MAX_DOUBLINGS = 3;
const MAX_SESSIONS = 1_000;

export class Summaries {
  readonly #parts: SummariesParts;
  readonly #summarizer: Summarizer;
  readonly #sessions = boundedCache<Attempts>(MAX_SESSIONS);
  readonly #stopping = new AbortController();

  constructor(parts: SummariesParts) {
    this.#parts = parts;
    this.#summarizer = new Summarizer(parts);
  }

  /** Ends the attempts that are under way. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * A newer summary and fewer messages in place of a view that overflows, if they can be had soon. Else the view as it is:
   * the attempt goes on in the background, and a failed one is repeated some turns later.
   * @throws AppError `conflict` when the history was cleared meanwhile; the signal's reason when aborted
   */
  async fold(turn: Turn, view: View, ask: WindowAsk, signal: AbortSignal): Promise<View> {
    const attempts = this.#attemptsOf(turn.sessionId);
    if (attempts.made !== undefined) return this.#takeUp(attempts, turn, view, ask);
    if (attempts.running !== undefined) return view;
    if (attempts.rest > 0) {
      attempts.rest -= 1;
      return view;
    }
    const abandon = new AbortController();
    const asked = { turn, view, ask, isWaiting: true };
    const running = this.#attempt(attempts, asked, abandon.signal);
    attempts.running = running;
    const waitMs = Math.min(MAX_WAIT_MS, this.#parts.modelTimeoutMs);
    const fault = await settledOrLate(running, signal, waitMs);
    asked.isWaiting = false;
    if (signal.aborted) abandon.abort();
    signal.throwIfAborted();
    if (fault !== undefined) throw fault;
    const { made } = attempts as { made: Made | undefined };
    if (made === undefined) return view;
    attempts.made = undefined;
    const { before: summary, newest } = made;
    return { ...view, summary, newest, overflows: false };
  }

  #attemptsOf(sessionId: string): Attempts {
    const known = this.#sessions.get(sessionId);
    if (known !== undefined) return known;
    const fresh = { failures: 0, rest: 0, running: undefined, made: undefined };
    this.#sessions.set(sessionId, fresh);
    return fresh;
  }

  async #attempt(
    attempts: Attempts,
    asked: Asked,
    abandoned: AbortSignal,
  ): Promise<AppError | undefined> {
    const inTime = AbortSignal.timeout(PATIENCE * this.#parts.modelTimeoutMs);
    try {
      const signal = AbortSignal.any([abandoned, inTime, this.#stopping.signal]);
      attempts.made = await this.#summarizer.write(asked, signal);
      attempts.failures = 0;
      return undefined;
    } catch (error) {
      if (abandoned.aborted || this.#stopping.signal.aborted) return undefined;
      const known = toAppError(error);
      if (known.code !== "model" && !inTime.aborted && asked.isWaiting) return known;
      attempts.rest = FIRST_REST * 2 ** Math.min(attempts.failures, MAX_DOUBLINGS);
      attempts.failures += 1;
      this.#parts.onError(inTime.aborted ? tookTooLong(error) : error);
      return undefined;
    } finally {
      attempts.running = undefined;
    }
  }

  /** Stores what was made in the background, if the history is still what it was made of. */
  async #takeUp(attempts: Attempts, turn: Turn, view: View, ask: WindowAsk): Promise<View> {
    const { summary, before, isStored, read } = attempts.made!;
    attempts.made = undefined;
    if (isStored) return view;
    const range = { after: (read.at(-1)?.seq ?? 0) - 1, before: summary.uptoSeq + 1 };
    const now: Message[] = [];
    for await (const message of this.#parts.window.newestFirst(turn.sessionId, range))
      now.push(message);
    const isSame =
      view.summary?.createdAt === before?.createdAt &&
      now.length === read.length &&
      now.every(
        ({ seq, createdAt }, n) => seq === read[n]!.seq && createdAt === read[n]!.createdAt,
      );
    if (!isSame) return view;
    await this.#parts.store.saveSummary(turn, summary);
    return this.#parts.window.view(turn.sessionId, ask, turn.question.seq);
  }
}

/** The work's result when it is done; undefined after a time, or with the signal. */
async function settledOrLate<T>(
  work: Promise<T>,
  signal: AbortSignal,
  ms: number,
): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const leave = (): void => resolve(undefined);
  const timer = setTimeout(leave, ms);
  signal.addEventListener("abort", leave);
  try {
    return signal.aborted ? undefined : await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
  }
}

const tookTooLong = (cause: unknown): AppError =>
  new AppError("model", "The summary of the older messages took too long.", { cause });
