// The exchanges that are under way in this process: bounded for each principal, and waited for by a stop.
import { Tally } from "../kernel/tally.ts";
import type { Exchange } from "./exchange.ts";
import { RPC, rpcError } from "./rpc.ts";

export class OpenExchanges {
  readonly #open = new Set<Exchange>();
  readonly #max: number;
  /** How many calls each principal has. */
  readonly #calls = new Tally();

  /** `max`: for each principal. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes places for some calls of the principal; returns how to give them back, or the refusal when there are not so
   * many left. At once, before anything is waited for: a burst must not find the same place free.
   */
  enter(principal: string, calls = 1): (() => void) | Response {
    if (this.#calls.of(principal) + calls > this.#max) {
      const message = `At most ${this.#max} calls may run at a time (the setting max-concurrent-calls).`;
      return rpcError(429, RPC.server, message, { headers: { "retry-after": "1" } });
    }
    return this.#calls.add(principal, calls);
  }

  /** Calls `ended` when the exchange is done. */
  track(exchange: Exchange, ended: () => void): void {
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
