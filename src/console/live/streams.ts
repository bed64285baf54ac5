// The streams that tell open pages which of their parts have changed: names only, so a page fetches the part itself, with
// its own access check. A stream compares what its principal sees: changes that it may not see leave no trace, not even in
// time.
import { SseStream } from "../../events/sse-stream.ts";
import { CountByKey } from "../../lib/collections/count-by-key.ts";

/** Browsers open six connections to one server at most: some stay free for pages, however many windows are in sight. */
const MAX_PER_BROWSER = 4;
const MAX_PER_PRINCIPAL = 32;
/** Changes of this time are looked at together. */
const GATHER_MS = 20;
/** The parts of a page, each with a text that differs after a change; undefined after the end of the sign-in. */
export type Look = () => Promise<ReadonlyMap<string, string> | undefined>;

export interface LiveOptions {
  principal: string;
  /** The same for all pages of one browser. */
  browser: string;
  pace: Pace;
  look: Look;
}

/** Times between two looks, in milliseconds. */
export interface Pace {
  /** Between two looks while things change. */
  pauseMs: number;
  /** Between two looks while nothing seems to change: a wake-up may get lost. */
  everyMs: number;
}

export class LiveStreams {
  readonly #open = new Set<LiveStream>();
  readonly #counts = new CountByKey();
  readonly #watch: (listener: () => void) => Disposable;
  readonly #onError: (error: unknown) => void;
  #watching: Disposable | undefined;
  #isClosed = false;

  /** `watch` calls its listener after anything has changed, of whomever. */
  constructor(watch: (listener: () => void) => Disposable, onError: (error: unknown) => void) {
    this.#watch = watch;
    this.#onError = onError;
  }

  /** The bytes of a new stream, which begins with all parts; undefined for one too many. */
  open({ principal, browser, pace, look }: LiveOptions): ReadableStream<Uint8Array> | undefined {
    const [ofPrincipal, ofBrowser] = [`principal ${principal}`, `browser ${browser}`];
    const isFull =
      this.#counts.of(ofPrincipal) >= MAX_PER_PRINCIPAL ||
      this.#counts.of(ofBrowser) >= MAX_PER_BROWSER;
    if (isFull || this.#isClosed) return undefined;
    const leaves = [this.#counts.add(ofPrincipal), this.#counts.add(ofBrowser)];
    const stream: LiveStream = new LiveStream(look, pace, {
      onError: this.#onError,
      onClose: () => {
        for (const leave of leaves) leave();
        this.#forget(stream);
      },
    });
    this.#open.add(stream);
    this.#watching ??= this.#watch(() => {
      for (const one of this.#open) one.wake();
    });
    stream.wake();
    return stream.body;
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.close();
  }

  #forget(stream: LiveStream): void {
    this.#open.delete(stream);
    if (this.#open.size > 0) return;
    this.#watching?.[Symbol.dispose]();
    this.#watching = undefined;
  }
}

interface Ends {
  onClose(): void;
  onError(error: unknown): void;
}

class LiveStream {
  readonly #sse: SseStream;
  readonly #look: Look;
  readonly #pauseMs: number;
  readonly #onError: Ends["onError"];
  readonly #ticks: NodeJS.Timeout;
  #told: ReadonlyMap<string, string> = new Map();
  #lookedAt = -Infinity;
  #next: NodeJS.Timeout | undefined;
  #isLooking = false;
  /** True if something has changed since the look began. */
  #isBehind = false;

  constructor(look: Look, { pauseMs, everyMs }: Pace, { onClose, onError }: Ends) {
    this.#look = look;
    this.#pauseMs = pauseMs;
    this.#onError = onError;
    this.#ticks = setInterval(() => this.wake(), everyMs).unref();
    this.#sse = new SseStream(() => {
      clearInterval(this.#ticks);
      clearTimeout(this.#next);
      onClose();
    });
  }

  get body(): ReadableStream<Uint8Array> {
    return this.#sse.body;
  }

  /** Look soon whether a part has changed. */
  wake(): void {
    this.#isBehind = true;
    if (this.#isLooking || this.#next !== undefined || !this.#sse.open) return;
    const wait = Math.max(GATHER_MS, this.#lookedAt + this.#pauseMs - performance.now());
    this.#next = setTimeout(() => void this.#run(), wait).unref();
  }

  close(): void {
    this.#sse.close();
  }

  async #run(): Promise<void> {
    this.#next = undefined;
    this.#lookedAt = performance.now();
    [this.#isLooking, this.#isBehind] = [true, false];
    try {
      const found = await this.#look();
      if (found === undefined) return this.close();
      for (const [part, revision] of found)
        if (this.#told.get(part) !== revision) this.#sse.send(undefined, part);
      this.#told = found;
    } catch (error) {
      this.#onError(error);
      this.close(); // the page asks by itself, and shows what it gets
    } finally {
      this.#isLooking = false;
      if (this.#isBehind) this.wake();
    }
  }
}
