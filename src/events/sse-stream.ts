// One SSE response: frames, keep-alives, a bound on buffered bytes, and detection of a closed connection. It stores
// nothing; a client resumes from the event log.
import { setTimeout as sleep } from "node:timers/promises";
import { wireJson } from "../lib/json/json.ts";

/** Interval of keep-alives: proxies cut connections after a silent minute. */
const KEEP_ALIVE_MS = 15_000;
/**
 * Approximate limit on buffered bytes per reader; text of this turn counts by characters. Beyond the limit, a writer
 * with a log pauses, and a writer without one ends the stream.
 */
const MAX_WAITING_BYTES = 1_000_000;
/** Time without any read after which a connection is cut. */
const STALLED_MS = 60_000;
/** The client's pause before it reconnects. The v1 client gives up after two tries, so this bounds the outage. */
const RETRY_MS = 5_000;

const encoder = new TextEncoder();

export class SseStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves at the end of the connection; true if everything sent was handed to the system by then. */
  readonly written: Promise<boolean>;
  readonly #settle: (written: boolean) => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  #pulled = Promise.withResolvers<void>();
  /** Frames of this turn of the event loop, which go out as one chunk. */
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

  /** True if the reader keeps up. */
  get hasRoom(): boolean {
    return this.#open && (this.#controller.desiredSize ?? 0) > this.#frames.length;
  }

  /** Waits until the reader has caught up; cuts a reader that takes nothing. */
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

  /**
   * Sends one message (`data` is its JSON). A message without an id cannot be resumed from. No effect after the end.
   */
  send(id: string | undefined, data: string): void {
    this.#write(
      `event: message\n${id === undefined ? "" : `id: ${id}\n`}data: ${wireJson(data)}\n\n`,
    );
  }

  /** Sends an id that the client can resume from before the next message comes. */
  prime(id: string): void {
    this.#write(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`);
  }

  close(): void {
    if (!this.#open) return;
    this.#flush();
    this.#end();
    this.#controller.close();
  }

  /** Reports the end of the connection; the code that writes the response calls it. */
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
