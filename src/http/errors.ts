// Maps errors to HTTP answers, in one place. An unknown error stays private and is logged here, once.
import type { ErrorHandler } from "hono";
import { toAppError, type ErrorCode } from "../lib/errors.ts";
import { RPC, rpcError } from "../protocol/json-rpc.ts";
import { failureLevel, why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Authenticated } from "./guards/guard.ts";

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  not_found: 404,
  forbidden: 403,
  conflict: 409,
  limit: 429,
  busy: 503,
  model: 502,
  storage_full: 507,
  storage: 503,
  start: 503,
  interrupted: 503,
  unavailable: 503,
  internal: 500,
};

/** Seconds to wait after 429 or 503, which may be over soon. */
const RETRY_SECONDS = "3";

export const answerError =
  (log: Logger): ErrorHandler<Authenticated> =>
  (error, c) => {
    const request = c.get("requestId");
    const known = toAppError(error, request);
    const status = STATUS[known.code];
    // Skip `unavailable`: an issuer that is down is logged once, when it goes down.
    if (status >= 500 && known.code !== "unavailable")
      log[failureLevel(known) ?? "error"]({ ...why(known), request }, known.message);
    const headers: Record<string, string> =
      status === 429 || status === 503 ? { "retry-after": RETRY_SECONDS } : {};
    const code = status < 500 ? RPC.invalidRequest : RPC.internal;
    return rpcError(status, code, known.advice, { headers });
  };
