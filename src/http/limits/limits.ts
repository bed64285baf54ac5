// Limits for one principal: refuses early, before a body is read, and says how long to wait.
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { MAX_BATCH } from "../../mcp/messages/batch.ts";
import { RPC, rpcError } from "../../protocol/json-rpc.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import type { Guard } from "../guards/guard.ts";

const MINUTE_S = 60;

/** At most `callsPerMinute` requests of a principal in each minute, counted from its first one. */
export class CallRate {
  readonly max: number;
  readonly #limiter: RateLimiterMemory;
  readonly #refuse: Refuse;

  constructor(callsPerMinute: number, refuse: Refuse) {
    this.max = callsPerMinute;
    this.#refuse = refuse;
    this.#limiter = new RateLimiterMemory({ points: callsPerMinute, duration: MINUTE_S });
  }

  /** Count calls; returns the refusal if they are too many. */
  async take(principal: string, calls: number): Promise<Response | undefined> {
    try {
      await this.#limiter.consume(principal, calls);
      return undefined;
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      this.#refuse("rate");
      return tooMany(error.msBeforeNext);
    }
  }
}

/** Failed authentications of one address in a minute that are answered as such. */
const MAX_WRONG = 1_000;

/** Failed authentications by address. Valid credentials from the same address are not refused. */
export class WrongCredentials {
  readonly #limiter = new RateLimiterMemory({ points: MAX_WRONG, duration: MINUTE_S });

  /** Count a failure; returns the refusal, which also ends the connection, after too many. */
  async note(address: string): Promise<Response | undefined> {
    try {
      await this.#limiter.consume(address);
      return undefined;
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      const retryAfter = String(Math.max(1, Math.ceil(error.msBeforeNext / 1_000)));
      const message = "Too many wrong credentials from this address: try again later.";
      const headers = { "retry-after": retryAfter, connection: "close" };
      return rpcError(429, RPC.server, message, { headers });
    }
  }
}

/** Guard that runs first and counts one call for each request. */
export const limitRate =
  (rate: CallRate): Guard =>
  (c) =>
    rate.take(c.get("principal").id, 1);

/**
 * Count the messages of a batch after its first, which the request has paid for. A batch larger than the limit is the
 * sender's mistake: waiting would not help.
 */
export async function limitBatch(
  rate: CallRate,
  principal: string,
  messages: number,
): Promise<Response | undefined> {
  if (messages > MAX_BATCH)
    return rpcError(400, RPC.invalidRequest, `A batch has at most ${MAX_BATCH} messages.`);
  if (messages > rate.max) {
    const fault = `A batch has at most ${rate.max} messages here (the setting max-calls-per-minute).`;
    return rpcError(400, RPC.invalidRequest, fault);
  }
  return rate.take(principal, messages - 1);
}

function tooMany(msBeforeNext: number): Response {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  const message = `Too many requests: try again in ${seconds} s (the setting max-calls-per-minute).`;
  return rpcError(429, RPC.server, message, { headers: { "retry-after": String(seconds) } });
}

/** Refuse compressed bodies, because one could unpack to any size. */
export const refuseCompressed: Guard = (c) => {
  const encoding = c.req.header("content-encoding");
  if (encoding === undefined || encoding === "identity") return undefined;
  return rpcError(415, RPC.server, "Compressed bodies are not accepted.");
};
