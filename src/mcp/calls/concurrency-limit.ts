// A limit on each principal's concurrent calls or streams.
import { CountByKey } from "../../lib/count-by-key.ts";
import { RPC, rpcError } from "../../protocol/json-rpc.ts";

export class ConcurrencyLimit {
  readonly #taken = new CountByKey();
  readonly #max: number;
  readonly #what: string;
  readonly #setting: string;
  readonly #onRefused: () => void;

  /** Allows `max` per principal. `what` and `setting` name the limit in a refusal: `calls`, `max-concurrent-calls`. */
  constructor(max: number, what: string, setting: string, onRefused = (): void => undefined) {
    this.#max = max;
    this.#what = what;
    this.#setting = setting;
    this.#onRefused = onRefused;
  }

  /** Number in use, by all principals. */
  get taken(): number {
    return this.#taken.total;
  }

  /**
   * Takes `some` for the principal. Returns the release function, or the refusal when the limit is exceeded. Runs
   * synchronously: a burst must not find the same room twice.
   */
  acquire(principal: string, some = 1): (() => void) | Response {
    if (this.#taken.of(principal) + some <= this.#max) return this.#taken.add(principal, some);
    this.#onRefused();
    const message = `At most ${this.#max} ${this.#what} of one principal may be open at a time (the setting ${this.#setting}).`;
    if (some > this.#max) return rpcError(400, RPC.invalidRequest, message);
    return rpcError(429, RPC.server, message, { headers: { "retry-after": "1" } });
  }
}
