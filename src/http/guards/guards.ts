// The checks of a request before its message is read: host, origin, size, media types.
import {
  isJsonContentType,
  validateHostHeader,
  validateOriginHeader,
} from "@modelcontextprotocol/server";
import type { Context } from "hono";
import { parseAccept } from "hono/utils/accept";
import { boundedCache } from "../../lib/cache/bounded-cache.ts";
import { remember } from "../../lib/cache/remember.ts";
import { MODERN_VERSION } from "../../mcp/initialize.ts";
import { RequestError, stopping } from "../../protocol/errors.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import { type Authenticated, type Guard, sent } from "./guard.ts";

/** Number of accepted Host headers to remember: programs send the same one with every request. */
const MAX_KNOWN_HEADERS = 100;

/**
 * Prevent DNS rebinding: a request must name one of `hosts`. A request from a page must come from one of `hosts` or
 * `origins`.
 */
export const knownHosts = (
  hosts: readonly string[],
  origins: readonly string[],
  refuse: Refuse,
): Guard => {
  const known = boundedCache<true>(MAX_KNOWN_HEADERS);
  const refusal = (reason: string, way: string): RequestError => {
    refuse("host");
    return new RequestError("foreign_host", `${reason}. ${way}`);
  };
  return (c) => {
    const named = namedHost(c);
    if (named === undefined || !known.has(named)) {
      const host = validateHostHeader(named, [...hosts]);
      if (!host.ok) throw refusal(host.message, "The setting allowed-hosts names further ones.");
      known.set(named!, true);
    }
    const page = sent(c, "origin");
    if (page === undefined || origins.includes(page)) return;
    const origin = validateOriginHeader(page, [...hosts]);
    if (origin.ok) return;
    throw refusal(origin.message, "The settings allowed-hosts and cors-origins name further ones.");
  };
};

/** RFC 9112, section 3.2.2: the authority of a target in absolute form takes the place of the Host header. */
export function namedHost(c: Context<Authenticated>): string | undefined {
  const target = c.env.incoming.url ?? "/";
  return /^https?:/i.test(target) ? URL.parse(target)?.host : c.req.header("host");
}

/** Refuse new requests while the server is stopping, also on connections that are kept alive. */
export const whileAccepting =
  (accepting: () => boolean): Guard =>
  () => {
    if (!accepting()) throw stopping(CLOSING);
  };

/** Headers of an answer that ends the connection. */
export const CLOSING = { connection: "close" };

/** Require JSON in the body and JSON among the accepted types; a request without Accept accepts it. */
export const mcpMediaTypes: Guard = (c) => {
  if (!isJsonContentType(sent(c, "content-type"))) {
    throw new RequestError("wrong_media_type", "The Content-Type must be application/json.");
  }
  if (sent(c, "accept") === undefined || takes(c, JSON_TYPE, "*/*")) return;
  throw new RequestError(
    "not_acceptable",
    "Accept must name application/json, and text/event-stream for answers in pieces.",
  );
};

/** True if the answer may be a stream: only a client whose Accept names the type is known to read one. */
export const takesStream = (c: Context<Authenticated>): boolean => takes(c, STREAM_TYPE);

export const acceptsStream: Guard = (c) => {
  if (c.req.raw.method === "HEAD") throw methodNotAllowed(); // Hono would run it as a GET and open a stream
  if (takes(c, STREAM_TYPE, "*/*")) return;
  throw new RequestError("not_acceptable", "Accept must name text/event-stream.");
};

/** Refuse GET and DELETE of 2026-07-28, which has neither standalone streams nor clients; an id marks the other era. */
export const legacyOnly: Guard = (c) => {
  if (sent(c, "mcp-protocol-version") === MODERN_VERSION && sent(c, "mcp-session-id") === undefined)
    throw methodNotAllowed("POST");
};

/**
 * Require a client's id for a stream. The answer is 405, which programs read as "no stream here": after 400, those that
 * try the HTTP+SSE transport of 2024-11-05 first would give up. `address`: of /mcp.
 */
export const streamNeedsClient =
  (address: (c: Context<Authenticated>) => string): Guard =>
  (c) => {
    if (sent(c, "mcp-session-id") !== undefined) return;
    const message = `There is no stream without an Mcp-Session-Id. ${useStreamableHttp(address(c))}`;
    throw new RequestError("wrong_method", message, { headers: { allow: "POST, DELETE" } });
  };

/** Answer for clients of the HTTP+SSE transport of 2024-11-05. */
export const useStreamableHttp = (address: string): string =>
  `This server speaks Streamable HTTP at ${address}, not HTTP+SSE: POST initialize there.`;

export const methodNotAllowed = (allow = "POST, GET, DELETE"): RequestError =>
  new RequestError("wrong_method", "Method not allowed.", { headers: { allow } });

const JSON_TYPE = "application/json";
const STREAM_TYPE = "text/event-stream";

/** The ranges of an Accept header that it does not rule out. */
const rangesOf = remember(
  (accept) =>
    new Set(
      parseAccept(accept)
        .filter(({ q }) => q > 0)
        .map(({ type }) => type.toLowerCase()),
    ),
);

/** True if Accept names the type, alone or in a range such as `text/*`; `any`: another acceptable range. */
function takes(c: Context<Authenticated>, type: string, any = type): boolean {
  const ranges = rangesOf(sent(c, "accept") ?? "");
  return ranges.has(type) || ranges.has(any) || ranges.has(`${type.split("/", 1)[0]}/*`);
}
