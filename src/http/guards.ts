// What a request must pass before anything looks at its message: host, origin, size, media types.
import {
  isJsonContentType,
  validateHostHeader,
  validateOriginHeader,
} from "@modelcontextprotocol/server";
import type { MiddlewareHandler } from "hono";
import { RPC, rpcError } from "../mcp/rpc.ts";
import type { Refuse } from "../telemetry/metrics.ts";

/**
 * Against DNS rebinding: requests must name one of `hosts`, and come from a page on one of them, or of one of `origins`,
 * if from a page.
 */
export const knownHosts =
  (hosts: readonly string[], origins: readonly string[], refuse: Refuse): MiddlewareHandler =>
  async (c, next) => {
    const host = validateHostHeader(c.req.header("host"), [...hosts]);
    if (!host.ok) {
      refuse("host");
      return rpcError(
        403,
        RPC.server,
        `${host.message}. The setting allowed-hosts names further ones.`,
      );
    }
    const sent = c.req.header("origin");
    if (sent !== undefined && origins.includes(sent)) return next();
    const origin = validateOriginHeader(sent, [...hosts]);
    if (!origin.ok) {
      refuse("host");
      return rpcError(
        403,
        RPC.server,
        `${origin.message}. The settings allowed-hosts and cors-origins name further ones.`,
      );
    }
    return next();
  };

/** A server that is stopping takes nothing new, also on connections that are kept alive. */
export const whileAccepting =
  (accepting: () => boolean): MiddlewareHandler =>
  async (_, next) => {
    if (accepting()) return next();
    const headers = { "retry-after": "1", connection: "close" };
    return rpcError(503, RPC.server, "The server is stopping. Try again.", { headers });
  };

/** A POST brings JSON and takes JSON or a stream. */
export const mcpMediaTypes: MiddlewareHandler = async (c, next) => {
  if (!isJsonContentType(c.req.header("content-type"))) {
    return rpcError(415, RPC.server, "The Content-Type must be application/json.");
  }
  if (
    !accepts(c.req.header("accept"), "application/json") ||
    !accepts(c.req.header("accept"), "text/event-stream")
  ) {
    return rpcError(406, RPC.server, "Accept must name application/json and text/event-stream.");
  }
  return next();
};

export const acceptsStream: MiddlewareHandler = async (c, next) => {
  if (c.req.raw.method === "HEAD") return methodNotAllowed(); // Hono would run it as a GET and open a stream
  if (accepts(c.req.header("accept"), "text/event-stream")) return next();
  return rpcError(406, RPC.server, "Accept must name text/event-stream.");
};

export const methodNotAllowed = (): Response =>
  rpcError(405, RPC.server, "Method not allowed.", { headers: { allow: "POST, GET, DELETE" } });

function accepts(header: string | undefined, type: string): boolean {
  const wanted = (header ?? "").split(",").map((part) => part.split(";")[0]!.trim().toLowerCase());
  return wanted.some(
    (part) => part === type || part === "*/*" || part === `${type.split("/")[0]}/*`,
  );
}
