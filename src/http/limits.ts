// How much one principal may ask for: refused early, before a body is read, with the time to wait.
import type { MiddlewareHandler } from "hono";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { RPC, rpcError } from "../mcp/rpc.ts";
import type { Authenticated } from "./authenticate.ts";

const MINUTE_S = 60;

/** At most `callsPerMinute` requests of a principal in any minute. */
export function limitRate(callsPerMinute: number): MiddlewareHandler<Authenticated> {
  const limiter = new RateLimiterMemory({ points: callsPerMinute, duration: MINUTE_S });
  return async (c, next) => {
    try {
      await limiter.consume(c.get("principal").id);
    } catch (error) {
      if (error instanceof RateLimiterRes) return tooMany(error.msBeforeNext);
      throw error;
    }
    return next();
  };
}

function tooMany(msBeforeNext: number): Response {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1_000));
  const message = `Too many requests: try again in ${seconds} s (the setting max-calls-per-minute).`;
  return rpcError(429, RPC.server, message, { headers: { "retry-after": String(seconds) } });
}

/** A compressed body could unpack to anything: this server takes none. */
export const refuseCompressed: MiddlewareHandler = async (c, next) => {
  const encoding = c.req.header("content-encoding");
  if (encoding === undefined || encoding === "identity") return next();
  return rpcError(415, RPC.server, "Compressed bodies are not accepted.");
};
