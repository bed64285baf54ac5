// One SSE response: frames, keep-alives, a bound on what a slow reader may leave waiting, and the news that the other
// side has gone. It keeps nothing: what was cut here is resumed from the event log.
import { setTimeout as sleep } from "node:timers/promises";
import { withoutLineEnds } from "../lib/json/json.ts";

/** Proxies cut connections that are silent for a minute. */
const KEEP_ALIVE_MS = 15_000;
/**
 * What may wait for a reader, about: text of this turn counts by its characters. Beyond it, a writer with a log behind it
 * pauses, and one without ends the stream.
 */
const MAX_WAITING_BYTES = 1_000_000;
/** A reader that takes nothing for so long is cut. */
const STALLED_MS = 60_000;
/** How long a client waits before it reconnects: the v1 client gives up after two tries, so this bounds the outage. */
const RETRY_MS = 5_000;

const encoder = new TextEncoder();

const HEADERS = Object.freeze({
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no", // nginx would hold events back
});

const streamed = new WeakMap<Response, SseStream>();

/** The stream as an HTTP answer. */
export function sseResponse(stream: SseStream): Response {
  const response = new Response(stream.body, { headers: HEADERS });
  streamed.set(response, stream);
  return response;
}

/** The stream of ours that an answer is. */
export const streamOf = (response: Response): SseStream | undefined => streamed.get(response);

export class SseStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when the connection has ended; true when all that was sent had been handed to the system by then. */
  readonly written: Promise<boolean>;
  readonly #settle: (written: boolean) => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  #pulled = Promise.withResolvers<void>();
  /** Frames of this turn, which go out as one piece. */
  #frames = "";
  readonly #keepAlive: NodeJS.Timeout;
  readonly #onClose: () => void;

  /** `onClose` is called once, whichever side ends the stream. */
  constructor(onClose: () => void = () => undefined) {
    this.#onClose = onClose;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.written = promise;
    this.#settle = resolve;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pulled.resolve(),
        cancel: () => this.#end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
    );
    this.#keepAlive = setInterval(() => {
      if (this.hasRoom) this.#write(": keep-alive\n\n");
    }, KEEP_ALIVE_MS).unref();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Whether the reader keeps up. */
  get hasRoom(): boolean {
    return this.#open && (this.#controller.desiredSize ?? 0) > this.#frames.length;
  }

  /** Waits until the reader has caught up; one that takes nothing at all is cut. */
  async room(): Promise<void> {
    while (this.#open && !this.hasRoom) {
      this.#pulled = Promise.withResolvers<void>();
      const stalled = new AbortController();
      const timeout = sleep(STALLED_MS, true, { ref: false, signal: stalled.signal }).catch(
        () => false,
      );
      const cut = await Promise.race([this.#pulled.promise, timeout]);
      stalled.abort();
      if (cut === true) this.#cut();
    }
  }

  /** Sends one message (`data` is its JSON); without an id it cannot be resumed from. Nothing once it has ended. */
  send(id: string | undefined, data: string): void {
    this.#write(
      `event: message\n${id === undefined ? "" : `id: ${id}\n`}data: ${withoutLineEnds(data)}\n\n`,
    );
  }

  /** Gives the reader an id to resume from before the next message comes. */
  prime(id: string): void {
    this.#write(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`);
  }

  close(): void {
    if (!this.#open) return;
    this.#flush();
    this.#end();
    this.#controller.close();
  }

  /** To be called by whoever writes the answer, when its connection has ended. */
  settle(written: boolean): void {
    this.#settle(written);
  }

  #write(frame: string): void {
    if (!this.#open) return;
    if (!this.hasRoom) return this.#cut();
    if (this.#frames === "") queueMicrotask(() => this.#flush());
    this.#frames += frame;
  }

  #flush(): void {
    if (!this.#open || this.#frames === "") return;
    const frames = encoder.encode(this.#frames);
    this.#frames = "";
    this.#controller.enqueue(frames);
  }

  #cut(): void {
    if (!this.#open) return;
    this.#end();
    this.#controller.error(new Error("The reader is too slow."));
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#keepAlive);
    this.#pulled.resolve();
    this.#onClose();
  }
}
