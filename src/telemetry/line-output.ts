// Writes log lines for a program or a file. `write` is synchronous while the reader keeps up. Behind a slow reader,
// lines wait up to a bound; further ones are dropped and counted, so the server never waits.
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Bytes of lines that wait for the reader. */
const MAX_WAITING_BYTES = 256 << 10;
/** Time between two attempts at a full pipe. */
const RETRY_MS = 50;
/** Longest time that `flush` waits for the reader. */
const MAX_FLUSH_MS = 1_000;

export interface LineOutputOptions {
  /** Called for each dropped line. */
  onDrop?: (() => void) | undefined;
  /** Called when lines flow again, with the number of dropped ones. */
  onResume(dropped: number): void;
}

export class LineOutput {
  readonly #descriptor: number;
  readonly #options: LineOutputOptions;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `descriptor`: a non-blocking one. Node makes standard error so when it opens it. */
  constructor(descriptor: number, options: LineOutputOptions) {
    this.#descriptor = descriptor;
    this.#options = options;
  }

  readonly write = (line: string): void => {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) return this.#drop();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#timer === undefined) this.#writeWaiting();
  };

  /** Resolves when everything is written, or the reader is gone or too slow. */
  async flush(): Promise<void> {
    for (let waitedMs = 0; waitedMs < MAX_FLUSH_MS && this.#waiting.length > 0; waitedMs += 10) {
      await sleep(10);
      this.#writeWaiting();
    }
  }

  readonly #writeWaiting = (): void => {
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        const written = writeSync(this.#descriptor, next);
        this.#waitingBytes -= written;
        if (written < next.length) this.#waiting[0] = next.subarray(written);
        else this.#waiting.shift();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return this.#tryAgain();
      // Drop the lines: the reader is gone or the disk is full, and no stream is left to report it on.
      for (const _ of this.#waiting.splice(0)) this.#drop();
      this.#waitingBytes = 0;
    }
    this.#flow();
  };

  #tryAgain(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(this.#writeWaiting, RETRY_MS).unref();
  }

  #flow(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#options.onResume(dropped);
  }

  #drop(): void {
    this.#dropped += 1;
    this.#options.onDrop?.();
  }
}
