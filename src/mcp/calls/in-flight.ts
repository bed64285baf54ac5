// The exchanges that are under way in this process: a stop waits for them.
import type { PendingResponse } from "./pending-response.ts";

export class PendingResponses {
  readonly #open = new Set<PendingResponse>();

  /** Calls `ended` when the exchange is done. */
  track(exchange: PendingResponse, ended: () => void): void {
    this.#open.add(exchange);
    void exchange.done.then(() => {
      this.#open.delete(exchange);
      ended();
    });
  }

  /** Ends those whose requests another process has taken over. `own`: the streams of this process's open requests. */
  async giveUp(own: () => Promise<readonly number[]>): Promise<void> {
    const open = [...this.#open]; // what is opened while the rows are read is not among these
    const owned = new Set(await own());
    await Promise.all(open.map(async (exchange) => exchange.giveUp?.(owned)));
  }

  /** Resolves when no request is running, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all([...this.#open].map(({ done }) => done)), timeout]);
    clearTimeout(timer);
  }
}
