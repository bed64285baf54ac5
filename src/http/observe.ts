// Counts HTTP answers, and the requests that were refused before a call began. Suspicious refusals are logged with the
// client's address, for programs such as fail2ban.
import { isIP } from "node:net";
import type { Context, MiddlewareHandler } from "hono";
import { isLoopback } from "../lib/loopback.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Authenticated } from "./guards/guard.ts";

/** Reasons of refusals for which no guard has given one. */
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
    const { incoming, outgoing } = c.env;
    // A handler may have answered on Node's response itself.
    const status = outgoing.headersSent ? outgoing.statusCode : c.res.status;
    metrics?.responses.add(CLASSES[Math.trunc(status / 100)] ?? "other");
    if (status < 400) return;
    const isChallenge = c.res.headers.has("www-authenticate"); // already counted with the challenge
    const reason = isChallenge ? undefined : REASONS[status];
    if (reason !== undefined) metrics?.refusals.add(reason);
    const suspicion = suspicionOf(c, status);
    if (suspicion === undefined && !writes) return;
    // Put the address before all text that a client chooses: filters are anchored there.
    const line = {
      address: addressOf(incoming.socket.remoteAddress, c.req.header("x-forwarded-for")),
      status,
      reason: suspicion,
      method: c.req.method,
      principal: c.get("principal")?.id,
      request: c.get("requestId"),
    };
    log[suspicion === undefined ? "debug" : "warn"](line, "refused");
  };
};

/** Reason to suspect the sender of a refused request. deploy/fail2ban-filter.conf matches these words. */
function suspicionOf({ req, res }: Context, status: number): string | undefined {
  if (status === 429) return "too many requests";
  // Ignore challenges: programs that look for an issuer ask without credentials first.
  const isChallenge = res.headers.has("www-authenticate");
  if (status === 401 || (status === 400 && isChallenge))
    return req.header("authorization") === undefined ? "no credentials" : "wrong credentials";
  if (status !== 403) return undefined;
  return isChallenge ? "scope" : "host or origin";
}

/**
 * The client's address: the other end of the connection. If that is this machine, a proxy may have appended the
 * client's address to `X-Forwarded-For`.
 */
export function addressOf(peer = "unknown", forwardedFor = ""): string {
  const address = unmapped(peer);
  const last = unmapped(forwardedFor.split(",").at(-1)!.trim());
  return isLoopback(address) && isIP(last) !== 0 ? last : address;
}

/** The network of an address that one subscriber has: of IPv6, its first 64 bits. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("::");
  const groups = head.split(":").filter(Boolean);
  const rest = tail === undefined ? [] : tail.split(":").filter(Boolean);
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  return [...groups, ...(tail === undefined ? [] : zeros), ...rest].slice(0, 4).join(":");
}

/** A socket that takes both families has an IPv4 address in the form of IPv6. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");
