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

  /** Resolves when no request is running, at the latest after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    const { promise: timeout, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all([...this.#open].map(({ done }) => done)), timeout]);
    clearTimeout(timer);
  }
}
