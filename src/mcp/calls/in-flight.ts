// The requests in flight in this process, which a stop waits for.
import { once } from "../../lib/once.ts";
import type { PendingResponse } from "./pending-response.ts";

export class PendingResponses {
  readonly #open = new Set<PendingResponse>();
  /** Number of requests without a response object yet. */
  #entered = 0;
  #changed = Promise.withResolvers<void>();

  /** Tracks a response until it is done, then calls `ended`. */
  track(exchange: PendingResponse, ended: () => void): void {
    this.#open.add(exchange);
    void exchange.done.then(() => {
      this.#open.delete(exchange);
      this.#changed.resolve();
      ended();
    });
  }

  /** Counts a request without a response object, until the returned function is called. */
  enter(): () => void {
    this.#entered += 1;
    return once(() => {
      this.#entered -= 1;
      this.#changed.resolve();
    });
  }

  /**
   * Ends the responses whose requests another process has taken over. `own` reads the streams of this process's open
   * requests.
   */
  async giveUp(own: () => Promise<readonly number[]>): Promise<void> {
    const open = [...this.#open]; // copy first: a response that opens during the read is not in the rows
    const owned = new Set(await own());
    await Promise.all(open.map(async (exchange) => exchange.giveUp?.(owned)));
  }

  /** Resolves when nothing is in flight, at the latest after `graceMs`. */
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
