// Limits for one principal: refuses early, before a body is read, and says how long to wait.
import { MAX_BATCH, tooLarge } from "../../mcp/messages/batch.ts";
import { RequestError } from "../../protocol/errors.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import { type Guard, sent } from "../guards/guard.ts";
import { CLOSING } from "../guards/guards.ts";
import { MemoryStorage, RateLimiterMemory, RateLimiterRes } from "./rate-limiter.ts";

const MINUTE_S = 60;

/** At most `max` requests of a principal in each minute, counted from its first one. */
export class CallRate {
  readonly #max: () => number;
  /** Counted without the library's promises, which each call would wait for. */
  readonly #counts = new MemoryStorage();
  readonly #refuse: Refuse;

  constructor(max: () => number, refuse: Refuse) {
    this.#max = max;
    this.#refuse = refuse;
  }

  get max(): number {
    return this.#max();
  }

  /**
   * Count calls.
   * @throws RequestError `too_many`
   */
  take(principal: string, calls: number): void {
    const counted = this.#counts.incrby(principal, calls, MINUTE_S);
    if (counted.consumedPoints <= this.max) return;
    this.#refuse("rate");
    const seconds = secondsUntil(counted);
    const message = `Too many requests: try again in ${seconds} s (the setting max-calls-per-minute).`;
    throw new RequestError("too_many", message, { retryAfter: seconds });
  }
}

/** Failed authentications of one address in a minute that are answered as such. */
const MAX_WRONG = 1_000;

/** Failed authentications by address. Valid credentials from the same address are not refused. */
export class WrongCredentials {
  readonly #limiter = new RateLimiterMemory({ points: MAX_WRONG, duration: MINUTE_S });

  /**
   * Count a failure.
   * @throws RequestError `too_many`, which also ends the connection
   */
  async note(address: string): Promise<void> {
    try {
      await this.#limiter.consume(address);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      const message = "Too many wrong credentials from this address: try again later.";
      throw new RequestError("too_many", message, {
        retryAfter: secondsUntil(error),
        headers: CLOSING,
      });
    }
  }
}

/** Guard that runs first and counts one call for each request. */
export const limitRate =
  (rate: CallRate): Guard =>
  (c) =>
    rate.take(c.get("principal").id, 1);

/**
 * Count the messages of a batch after its first, which the request has paid for.
 * @throws RequestError `invalid_request` for a batch larger than the limit: waiting would not help
 */
export function limitBatch(rate: CallRate, principal: string, messages: number): void {
  if (messages > MAX_BATCH) throw tooLarge();
  if (messages > rate.max) {
    const fault = `A batch has at most ${rate.max} messages here (the setting max-calls-per-minute).`;
    throw new RequestError("invalid_request", fault);
  }
  rate.take(principal, messages - 1);
}

const secondsUntil = ({ msBeforeNext }: RateLimiterRes): number =>
  Math.max(1, Math.ceil(msBeforeNext / 1_000));

/** Refuse compressed bodies, because one could unpack to any size. */
export const refuseCompressed: Guard = (c) => {
  const encoding = sent(c, "content-encoding");
  if (encoding === undefined || encoding === "identity") return undefined;
  throw new RequestError("wrong_media_type", "Compressed bodies are not accepted.");
};
