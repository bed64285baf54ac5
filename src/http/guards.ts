// What a request must pass before anything looks at its message: host, origin, size, media types.
import {
  isJsonContentType,
  validateHostHeader,
  validateOriginHeader,
} from "@modelcontextprotocol/server";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { RPC, rpcError } from "../mcp/rpc.ts";

/** Against DNS rebinding: requests must name one of `hosts`, and come from a page on one of them if from a page. */
export const knownHosts =
  (hosts: readonly string[]): MiddlewareHandler =>
  async (c, next) => {
    const host = validateHostHeader(c.req.header("host"), [...hosts]);
    if (!host.ok)
      return rpcError(
        403,
        RPC.server,
        `${host.message}. The setting allowed-hosts names further ones.`,
      );
    const origin = validateOriginHeader(c.req.header("origin"), [...hosts]);
    if (!origin.ok)
      return rpcError(
        403,
        RPC.server,
        `${origin.message}. The setting allowed-hosts names further ones.`,
      );
    return next();
  };

export const limitBody = (maxBytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: maxBytes,
    onError: () =>
      rpcError(
        413,
        RPC.server,
        `The body is larger than ${maxBytes} bytes (the setting max-body).`,
      ),
  });

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
  if (accepts(c.req.header("accept"), "text/event-stream")) return next();
  return rpcError(406, RPC.server, "Accept must name text/event-stream.");
};

function accepts(header: string | undefined, type: string): boolean {
  const wanted = (header ?? "").split(",").map((part) => part.split(";")[0]!.trim().toLowerCase());
  return wanted.some(
    (part) => part === type || part === "*/*" || part === `${type.split("/")[0]}/*`,
  );
}
