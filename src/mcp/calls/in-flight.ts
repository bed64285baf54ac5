// What is being answered in this process: a stop waits for it.
import type { PendingResponse } from "./pending-response.ts";

export class PendingResponses {
  readonly #open = new Set<PendingResponse>();
  /** Requests whose answer is not begun. */
  #entered = 0;
  #changed = Promise.withResolvers<void>();

  /** Calls `ended` when the exchange is done. */
  track(exchange: PendingResponse, ended: () => void): void {
    this.#open.add(exchange);
    void exchange.done.then(() => {
      this.#open.delete(exchange);
      this.#changed.resolve();
      ended();
    });
  }

  /** A request whose answer is not begun: it counts until the returned function is called, once. */
  enter(): () => void {
    this.#entered += 1;
    return () => {
      this.#entered -= 1;
      this.#changed.resolve();
    };
  }

  /** Ends those whose requests another process has taken over. `own`: the streams of this process's open requests. */
  async giveUp(own: () => Promise<readonly number[]>): Promise<void> {
    const open = [...this.#open]; // what is opened while the rows are read is not among these
    const owned = new Set(await own());
    await Promise.all(open.map(async (exchange) => exchange.giveUp?.(owned)));
  }

  /** Resolves when nothing is being answered, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const { promise: overdue, resolve } = Promise.withResolvers<true>();
    const timer = setTimeout(() => resolve(true), graceMs);
    while (this.#open.size + this.#entered > 0) {
      this.#changed = Promise.withResolvers();
      if (await Promise.race([overdue, this.#changed.promise])) break;
    }
    clearTimeout(timer);
  }
}
