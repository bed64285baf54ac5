// The addresses of the authorization server of our own, which answers on Node's request and response itself: its metadata
// (RFC 8414, OpenID Connect Discovery), its endpoints, and limits on how often one address may use them.
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, Hono } from "hono";
import { type AppError, toAppError } from "../../lib/errors.ts";
import type { AuthorizationServer } from "../../oauth/authorization-server.ts";
import { InvalidRedirect } from "../../oauth/client-metadata.ts";
import { why } from "../../telemetry/failures.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import { STATUS } from "../errors.ts";
import type { Authenticated } from "../guards/guard.ts";
import { methodNotAllowed } from "../guards/guards.ts";
import { RateLimiterMemory, RateLimiterRes } from "../limits/rate-limiter.ts";
import { addressOf, networkOf } from "../observe.ts";

const METADATA = ["oauth-authorization-server", "openid-configuration"] as const;

/** Requests of one address in a minute. */
const LIMITS = { "/authorize": 60, "/token": 300, "/register": 20, "/revoke": 60 };
type Limited = keyof typeof LIMITS;
/** Registrations of one address in a day: a tenth of the unused clients that are stored. */
const MAX_REGISTRATIONS_A_DAY = 100;
/** Registrations of all addresses together in a minute. */
const MAX_REGISTRATIONS = 200;
const MINUTE_S = 60;
const DAY_S = 86_400;

export interface AuthorizationServerRouteOptions {
  server: AuthorizationServer;
  refuse: Refuse;
  log: Logger;
}

export function authorizationServerRoutes(
  app: Hono<Authenticated>,
  { server, refuse, log }: AuthorizationServerRouteOptions,
): void {
  const limit = limits(refuse);
  const answer = async (c: Context<Authenticated>, path: string): Promise<Response> => {
    if (c.req.raw.method === "HEAD") throw methodNotAllowed("GET"); // Hono would run it as a GET
    const { incoming, outgoing } = c.env;
    const origin = c.req.header("origin");
    // The guards have let the origin pass; what Hono's middleware sets does not reach this answer.
    if (origin !== undefined) {
      outgoing.setHeader("access-control-allow-origin", origin);
      outgoing.setHeader("vary", "Origin");
    }
    try {
      await server.handle(incoming, outgoing, path);
      return RESPONSE_ALREADY_SENT;
    } catch (error) {
      const known = toAppError(error, c.get("requestId"));
      if (STATUS[known.code] >= 500)
        log.error({ ...why(known), request: c.get("requestId") }, known.message);
      return oauthErrorOf(known);
    }
  };
  for (const name of METADATA)
    for (const below of ["", "/mcp", "/mcp/:name"])
      app.get(`/.well-known/${name}${below}`, (c) => answer(c, `/.well-known/${name}`));
  app.get("/oauth/keys", (c) => answer(c, "/oauth/keys"));
  app.get("/authorize", limit("/authorize"), (c) => answer(c, "/authorize"));
  app.get("/authorize/:id", limit("/authorize"), (c) =>
    answer(c, `/authorize/${encodeURIComponent(c.req.param("id") ?? "")}`),
  );
  for (const path of ["/token", "/register", "/revoke"] as const) {
    app.post(path, limit(path), (c) => answer(c, path));
    app.all(path, () => {
      throw methodNotAllowed("POST");
    });
  }
}

/** Middleware that counts the requests of an address. */
function limits(refuse: Refuse) {
  const daily = new RateLimiterMemory({ points: MAX_REGISTRATIONS_A_DAY, duration: DAY_S });
  const all = new RateLimiterMemory({ points: MAX_REGISTRATIONS, duration: MINUTE_S });
  return (path: Limited) => {
    const single = new RateLimiterMemory({ points: LIMITS[path], duration: MINUTE_S });
    return async (c: Context<Authenticated>, next: () => Promise<void>) => {
      const { remoteAddress } = c.env.incoming.socket;
      try {
        const network = networkOf(addressOf(remoteAddress, c.req.header("x-forwarded-for")));
        await single.consume(network);
        if (path === "/register") {
          await daily.consume(network);
          await all.consume("all");
        }
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error;
        refuse("rate");
        const description = "Too many requests from this address: try again in a minute.";
        return c.json({ error: "temporarily_unavailable", error_description: description }, 429, {
          "retry-after": String(Math.max(1, Math.ceil(error.msBeforeNext / 1_000))),
        });
      }
      return next();
    };
  };
}

/** RFC 6749, section 5.2, and RFC 7591, section 3.2.2. */
function oauthErrorOf(known: AppError): Response {
  const status = STATUS[known.code];
  const error =
    known instanceof InvalidRedirect
      ? "invalid_redirect_uri"
      : known.code === "invalid"
        ? "invalid_client_metadata"
        : status < 500
          ? "invalid_request"
          : "server_error";
  return Response.json({ error, error_description: known.advice }, { status });
}
