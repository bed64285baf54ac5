// Counts HTTP answers, and the requests that were refused before a call began.
import type { MiddlewareHandler } from "hono";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Authenticated } from "./guard.ts";

/** For refusals that no guard has given a reason. */
const REASONS: Readonly<Record<number, string>> = {
  400: "invalid",
  404: "not_found",
  405: "method",
  406: "media_type",
  410: "not_found",
  413: "size",
  415: "media_type",
  500: "internal",
  503: "unavailable",
  507: "storage_full",
};
const CLASSES = ["", "1xx", "2xx", "3xx", "4xx", "5xx"];

export const observe = (
  metrics: Metrics | undefined,
  log: Logger,
): MiddlewareHandler<Authenticated> => {
  const writes = log.isLevelEnabled("debug");
  return async (c, next) => {
    await next();
    const { status } = c.res;
    metrics?.responses.add(CLASSES[Math.trunc(status / 100)] ?? "other");
    if (status < 400) return;
    const reason = REASONS[status];
    if (reason !== undefined) metrics?.refusals.add(reason);
    if (writes) {
      const line = { method: c.req.method, status, principal: c.get("principal")?.id };
      log.debug({ ...line, request: c.get("requestId") }, "refused");
    }
  };
};
