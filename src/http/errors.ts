// Maps errors to HTTP answers, in one place. An unknown error stays private and is logged here, once.
import type { ErrorHandler } from "hono";
import { type AppError, type ErrorCode, toAppError } from "../lib/errors.ts";
import { toJson } from "../lib/json/json.ts";
import { RequestError, type RpcError, rpcErrorOf } from "../protocol/errors.ts";
import { requestIdOf, RPC } from "../protocol/json-rpc.ts";
import { failureLevel, why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Challenge } from "./access/challenge.ts";
import type { Authenticated } from "./guards/guard.ts";

export const STATUS: Readonly<Record<ErrorCode, number>> = {
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
  parse: 400,
  invalid_request: 400,
  invalid_params: 400,
  invalid_envelope: 400,
  header_mismatch: 400,
  unsupported_version: 400,
  missing_capability: 400,
  unknown_resource: 404,
  unknown_client: 404,
  unauthenticated: 401,
  bad_http: 400,
  foreign_host: 403,
  no_route: 404,
  wrong_method: 405,
  not_acceptable: 406,
  gone: 410,
  too_large: 413,
  wrong_media_type: 415,
  too_many: 429,
  try_again: 503,
};

/** Seconds to wait after 429 or 503, which may be over soon. */
const RETRY_SECONDS = "3";

/** Handler of what routes and guards throw. */
export const answerError =
  (log: Logger): ErrorHandler<Authenticated> =>
  (error, c) => {
    const request = c.get("requestId");
    const known = toAppError(error, request);
    // Skip `unavailable`: an issuer that is down is logged once, when it goes down.
    if (
      !(known instanceof RequestError) &&
      STATUS[known.code] >= 500 &&
      known.code !== "unavailable"
    )
      log[failureLevel(known) ?? "error"]({ ...why(known), request }, known.message);
    return httpErrorOf(known);
  };

/** The HTTP answer to a failed request, with a JSON-RPC error in its body, or the error of OAuth in a challenge. */
export function httpErrorOf(error: AppError): Response {
  if (error instanceof Challenge)
    return Response.json(
      { error: error.oauthCode, error_description: error.message },
      { status: STATUS[error.code], headers: { "www-authenticate": error.header } },
    );
  const refused = error instanceof RequestError ? error : undefined;
  const body = {
    jsonrpc: "2.0",
    id: requestIdOf(refused?.request),
    error: refused ? rpcErrorOf(refused) : serviceErrorOf(error),
  };
  return new Response(toJson(body), {
    status: statusOf(error),
    headers: { "content-type": "application/json", ...(refused?.headers ?? retryOf(error)) },
  });
}

/** Wrong parameters are an answer of JSON-RPC, but for a notification, which has none, and for `initialize`. */
function statusOf(error: AppError): number {
  if (error instanceof RequestError && error.code === "invalid_params") {
    const { request } = error;
    if (requestIdOf(request) !== null && !isInitialize(request)) return 200;
  }
  return STATUS[error.code];
}

const isInitialize = (message: unknown): boolean =>
  (message as { method?: unknown }).method === "initialize";

/** The error of a service that failed outside of a handler: the message itself may be right. */
const serviceErrorOf = (error: AppError): RpcError => ({
  ...rpcErrorOf(error),
  code: STATUS[error.code] < 500 ? RPC.invalidRequest : RPC.internal,
});

const retryOf = ({ code }: AppError): Record<string, string> =>
  [429, 503].includes(STATUS[code]) ? { "retry-after": RETRY_SECONDS } : {};
