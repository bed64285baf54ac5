// The exchanges that are under way in this process: bounded for each principal, and waited for by a stop.
import type { Exchange } from "./exchange.ts";
import { RPC, rpcError } from "./rpc.ts";

export class OpenExchanges {
  readonly #open = new Set<Exchange>();
  readonly #max: number;
  /** How many each principal has; those without any are not in it. */
  readonly #counts = new Map<string, number>();

  /** `max`: for each principal. */
  constructor(max: number) {
    this.#max = max;
  }

  /** The refusal of one more exchange, when the principal has enough of them. */
  refusal(principal: string): Response | undefined {
    if ((this.#counts.get(principal) ?? 0) < this.#max) return undefined;
    const message = `${this.#max} calls are running already (the setting max-concurrent-calls).`;
    return rpcError(429, RPC.server, message, { headers: { "retry-after": "1" } });
  }

  /** Counts the exchange until it is done; then calls `ended`. */
  track(principal: string, exchange: Exchange, ended: () => void): void {
    this.#open.add(exchange);
    this.#counts.set(principal, (this.#counts.get(principal) ?? 0) + 1);
    void exchange.done.then(() => {
      this.#open.delete(exchange);
      const rest = this.#counts.get(principal)! - 1;
      if (rest > 0) this.#counts.set(principal, rest);
      else this.#counts.delete(principal);
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
