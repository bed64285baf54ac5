// The exchanges that are under way in this process: bounded for each principal, and waited for by a stop.
import type { Exchange } from "./exchange.ts";
import { RPC, rpcError } from "./rpc.ts";

export class OpenExchanges {
  readonly #open = new Set<Exchange>();
  readonly #max: number;
  /** How many calls each principal has; those without any are not in it. */
  readonly #counts = new Map<string, number>();

  /** `max`: for each principal. */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes places for some calls of the principal; returns how to give them back, or the refusal when there are not so
   * many left. At once, before anything is waited for: a burst must not find the same place free.
   */
  enter(principal: string, calls = 1): (() => void) | Response {
    const count = (this.#counts.get(principal) ?? 0) + calls;
    if (count > this.#max) {
      const message = `At most ${this.#max} calls may run at a time (the setting max-concurrent-calls).`;
      return rpcError(429, RPC.server, message, { headers: { "retry-after": "1" } });
    }
    this.#counts.set(principal, count);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const rest = this.#counts.get(principal)! - calls;
      if (rest > 0) this.#counts.set(principal, rest);
      else this.#counts.delete(principal);
    };
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
