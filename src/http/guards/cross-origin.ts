// What browsers may do with this server from pages of other origins (CORS): only from those that are configured.
import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { REQUEST_ID } from "./request-id.ts";

const MAX_AGE_SECONDS = 600;

const REQUEST_HEADERS = [
  ...["content-type", "accept", "authorization", "last-event-id"],
  ...["mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"],
];
/** Of 2026-07-28: a tool's arguments that are repeated as headers, named by the tool. */
const PARAMETER = /^mcp-param-[\w!#$%&'*+.^`|~-]+$/i;
const RESPONSE_HEADERS = ["mcp-session-id", "www-authenticate", "retry-after", REQUEST_ID];

/** For preflights, which carry no credentials, and for the answers to what they allow. */
export const crossOrigin =
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
