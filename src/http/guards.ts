// What a request must pass before anything looks at its message: host, origin, size, media types.
import {
  isJsonContentType,
  validateHostHeader,
  validateOriginHeader,
} from "@modelcontextprotocol/server";
import { LRUCache } from "lru-cache";
import { STATELESS_VERSION } from "../mcp/introduction.ts";
import { RPC, rpcError } from "../mcp/rpc.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { Guard } from "./guard.ts";

/** Host headers that were found to be good: programs send the same one with every request. */
const MAX_KNOWN_HEADERS = 100;

/**
 * Against DNS rebinding: requests must name one of `hosts`, and come from a page on one of them, or of one of `origins`,
 * if from a page.
 */
export const knownHosts = (
  hosts: readonly string[],
  origins: readonly string[],
  refuse: Refuse,
): Guard => {
  const known = new LRUCache<string, true>({ max: MAX_KNOWN_HEADERS });
  const refusal = (reason: string, way: string): Response => {
    refuse("host");
    return rpcError(403, RPC.server, `${reason}. ${way}`);
  };
  return (c) => {
    const named = c.req.header("host");
    if (named === undefined || !known.has(named)) {
      const host = validateHostHeader(named, [...hosts]);
      if (!host.ok) return refusal(host.message, "The setting allowed-hosts names further ones.");
      known.set(named!, true);
    }
    const sent = c.req.header("origin");
    if (sent === undefined || origins.includes(sent)) return undefined;
    const origin = validateOriginHeader(sent, [...hosts]);
    if (origin.ok) return undefined;
    return refusal(
      origin.message,
      "The settings allowed-hosts and cors-origins name further ones.",
    );
  };
};

/** A server that is stopping takes nothing new, also on connections that are kept alive. */
export const whileAccepting =
  (accepting: () => boolean): Guard =>
  () => {
    if (accepting()) return undefined;
    const headers = { "retry-after": "1", connection: "close" };
    return rpcError(503, RPC.server, "The server is stopping. Try again.", { headers });
  };

/** A POST brings JSON and takes JSON or a stream. */
export const mcpMediaTypes: Guard = (c) => {
  if (!isJsonContentType(c.req.header("content-type"))) {
    return rpcError(415, RPC.server, "The Content-Type must be application/json.");
  }
  const accepted = acceptedTypes(c.req.header("accept"));
  if (!accepts(accepted, "application/json") || !accepts(accepted, "text/event-stream")) {
    return rpcError(406, RPC.server, "Accept must name application/json and text/event-stream.");
  }
  return undefined;
};

export const acceptsStream: Guard = (c) => {
  if (c.req.raw.method === "HEAD") return methodNotAllowed(); // Hono would run it as a GET and open a stream
  if (accepts(acceptedTypes(c.req.header("accept")), "text/event-stream")) return undefined;
  return rpcError(406, RPC.server, "Accept must name text/event-stream.");
};

/** 2026-07-28 has neither streams of their own to GET nor clients to DELETE. */
export const legacyOnly: Guard = (c) =>
  c.req.header("mcp-protocol-version") === STATELESS_VERSION ? methodNotAllowed("POST") : undefined;

export const methodNotAllowed = (allow = "POST, GET, DELETE"): Response =>
  rpcError(405, RPC.server, "Method not allowed.", { headers: { allow } });

const acceptedTypes = (header = ""): string[] =>
  header.split(",").map((part) => part.split(";", 1)[0]!.trim().toLowerCase());

const accepts = (accepted: readonly string[], type: string): boolean =>
  accepted.includes(type) ||
  accepted.includes("*/*") ||
  accepted.includes(`${type.split("/", 1)[0]}/*`);
