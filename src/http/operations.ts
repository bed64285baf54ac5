// Routes for operators: health, readiness and metrics.
import type { Hono } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { AppError, toAppError } from "../lib/errors.ts";
import { ROUTE_SCOPES } from "../mcp/scopes.ts";
import { why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { Exposition } from "../telemetry/prometheus.ts";
import { needsScope } from "./access/authenticate.ts";
import type { ProtectedResource } from "./access/protected-resource.ts";
import { httpErrorOf } from "./errors.ts";
import { type Authenticated, type Guard, guarded } from "./guards/guard.ts";
import { SERVER } from "./listen.ts";

/** `ready` rejects when the storage cannot be used. */
export function healthRoutes(
  app: Hono<Authenticated>,
  ready: () => Promise<void>,
  log: Logger,
): void {
  app.get("/healthz", (c) => c.text("ok\n", 200, { server: SERVER }));
  app.get("/readyz", async (c) => {
    try {
      await ready();
      return c.text("ok\n");
    } catch (error) {
      const request = c.get("requestId");
      const known = toAppError(error, request);
      log.warn({ ...why(known), request }, "not ready");
      return httpErrorOf(new AppError("unavailable", known.advice));
    }
  });
}

export interface MetricsRouteOptions {
  authenticator: Authenticator;
  authenticated: Guard;
  resource: ProtectedResource | undefined;
  refuse: Refuse;
  scrape(): Promise<Exposition>;
}

/** `GET /metrics` for Prometheus. Its numbers cover all principals, so it needs a scope if callers need credentials. */
export function metricsRoute(
  app: Hono<Authenticated>,
  { authenticator, authenticated, resource, refuse, scrape }: MetricsRouteOptions,
): void {
  const scoped = needsScope(ROUTE_SCOPES["GET /metrics"], resource, refuse);
  const forWatchers: Guard = async (c) => {
    if (await authenticator.required()) await scoped(c);
  };
  const admitted = guarded(authenticated, forWatchers);
  app.get("/metrics", admitted, async (c) => {
    const { text, contentType } = await scrape();
    return c.body(text, 200, { "content-type": contentType });
  });
}
