// One SSE response: frames, keep-alives, a bound on what a slow reader may leave waiting, and the news that the other
// side has gone. It keeps nothing: what was cut here is resumed from the event log.

/** Proxies cut connections that are silent for a minute. */
const KEEP_ALIVE_MS = 15_000;
/** What a reader may leave unread before it is cut. */
const MAX_WAITING_BYTES = 4_000_000;
/** How long a client waits before it reconnects: the v1 client gives up after two tries, so this bounds the outage. */
const RETRY_MS = 5_000;

const encoder = new TextEncoder();

export const SSE_HEADERS = Object.freeze({
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no", // nginx would hold events back
});

export class SseStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #open = true;
  readonly #keepAlive: NodeJS.Timeout;
  readonly #onClose: () => void;

  /** `onClose` is called once, whichever side ends the stream. */
  constructor(onClose: () => void = () => undefined) {
    this.#onClose = onClose;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.#end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
    );
    this.#keepAlive = setInterval(() => this.#write(": keep-alive\n\n"), KEEP_ALIVE_MS).unref();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends one message (`data` is its JSON); without an id it cannot be resumed from. Nothing once it has ended. */
  send(id: string | undefined, data: string): void {
    this.#write(`event: message\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`);
  }

  /** Gives the reader an id to resume from before the next message comes. */
  prime(id: string): void {
    this.#write(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`);
  }

  close(): void {
    if (!this.#open) return;
    this.#end();
    this.#controller.close();
  }

  #write(frame: string): void {
    if (!this.#open) return;
    if ((this.#controller.desiredSize ?? 0) > 0)
      return this.#controller.enqueue(encoder.encode(frame));
    this.#end();
    this.#controller.error(new Error("The reader is too slow."));
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#keepAlive);
    this.#onClose();
  }
}
