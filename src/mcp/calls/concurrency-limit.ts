// How much of something each principal may have at a time.
import { CountByKey } from "../../lib/count-by-key.ts";
import { RPC, rpcError } from "../../protocol/json-rpc.ts";

export class ConcurrencyLimit {
  readonly #taken = new CountByKey();
  readonly #max: number;
  readonly #what: string;
  readonly #setting: string;
  readonly #onRefused: () => void;

  /** At most `max` for each principal. `what` and `setting` are for the refusal: `calls`, `max-concurrent-calls`. */
  constructor(max: number, what: string, setting: string, onRefused = (): void => undefined) {
    this.#max = max;
    this.#what = what;
    this.#setting = setting;
    this.#onRefused = onRefused;
  }

  /** How many are taken, by all principals. */
  get taken(): number {
    return this.#taken.total;
  }

  /**
   * Takes places for the principal; returns how to give them back, or the refusal when there are not so many left, or
   * never will be. At once, before anything is waited for: a burst must not find the same place free.
   */
  acquire(principal: string, some = 1): (() => void) | Response {
    if (this.#taken.of(principal) + some <= this.#max) return this.#taken.add(principal, some);
    this.#onRefused();
    const message = `At most ${this.#max} ${this.#what} of one principal may be open at a time (the setting ${this.#setting}).`;
    if (some > this.#max) return rpcError(400, RPC.invalidRequest, message);
    return rpcError(429, RPC.server, message, { headers: { "retry-after": "1" } });
  }
}
