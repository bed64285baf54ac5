// CORS: pages of other origins may use this server only if their origin is configured.
import type { Hono, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { Authenticated } from "./guard.ts";
import { REQUEST_ID } from "./request-id.ts";

const MAX_AGE_SECONDS = 600;

const REQUEST_HEADERS = [
  ...["content-type", "accept", "authorization", "last-event-id"],
  ...["mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"],
];
/** Arguments of a tool that are repeated as headers named by the tool (2026-07-28). */
const PARAMETER = /^mcp-param-[\w!#$%&'*+.^`|~-]+$/i;
const RESPONSE_HEADERS = ["mcp-session-id", "www-authenticate", "retry-after", REQUEST_ID];

/** Let pages of these origins use MCP, and the addresses that lead them to it. */
export function allowOrigins(app: Hono<Authenticated>, origins: readonly string[]): void {
  for (const path of ["/mcp/*", "/.well-known/*", "/register", "/token", "/revoke"])
    app.use(path, crossOrigin(origins));
}

/** Middleware for preflights, which carry no credentials, and for the answers to allowed requests. */
const crossOrigin =
  (origins: readonly string[]): MiddlewareHandler =>
  (c, next) => {
    const asked = c.req.header("access-control-request-headers")?.split(",") ?? [];
    const parameters = asked.map((name) => name.trim()).filter((name) => PARAMETER.test(name));
    return cors({
      origin: [...origins],
      allowMethods: ["GET", "POST", "DELETE"],
      allowHeaders: [...REQUEST_HEADERS, ...parameters],
      exposeHeaders: RESPONSE_HEADERS,
      maxAge: MAX_AGE_SECONDS,
    })(c, next);
  };
