// A limit on each principal's concurrent calls or streams.
import { CountByKey } from "../../lib/collections/count-by-key.ts";
import { RequestError } from "../../protocol/errors.ts";

export class ConcurrencyLimit {
  readonly #taken = new CountByKey();
  readonly #max: () => number;
  readonly #what: string;
  readonly #setting: string;
  readonly #onRefused: () => void;

  /** Allows `max` per principal at the time of a call. `what` and `setting` name the limit in a refusal: `calls`, `max-concurrent-calls`. */
  constructor(max: () => number, what: string, setting: string, onRefused = (): void => undefined) {
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
   * Takes `some` for the principal, and returns the release function. Runs synchronously: a burst must not find the
   * same room twice.
   * @throws RequestError `too_many` over the limit, `invalid_request` if `some` can never fit
   */
  acquire(principal: string, some = 1): () => void {
    const max = this.#max();
    if (this.#taken.of(principal) + some <= max) return this.#taken.add(principal, some);
    this.#onRefused();
    const message = `At most ${max} ${this.#what} of one principal may be open at a time (the setting ${this.#setting}).`;
    throw some > max
      ? new RequestError("invalid_request", message)
      : new RequestError("too_many", message, { retryAfter: 1 });
  }
}
