// One SSE response: frames, keep-alives, and the news that the other side has gone. It keeps nothing.

/** Proxies cut connections that are silent for a minute. */
const KEEP_ALIVE_MS = 15_000;

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
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => this.#end(),
    });
    this.#keepAlive = setInterval(() => this.#write(": keep-alive\n\n"), KEEP_ALIVE_MS).unref();
  }

  get open(): boolean {
    return this.#open;
  }

  /** Sends one message; does nothing once the stream has ended. */
  send(message: object): void {
    this.#write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
  }

  close(): void {
    if (!this.#open) return;
    this.#end();
    this.#controller.close();
  }

  #write(frame: string): void {
    if (this.#open) this.#controller.enqueue(encoder.encode(frame));
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#keepAlive);
    this.#onClose();
  }
}
