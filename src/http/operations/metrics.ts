// `GET /metrics` for Prometheus. Its numbers tell about everybody, so where credentials are asked for it needs a scope.
import type { Hono } from "hono";
import type { Authenticator } from "../../auth/authenticator.ts";
import type { Exposition } from "../../telemetry/prometheus.ts";
import { ROUTE_SCOPES } from "../../mcp/scopes.ts";
import { needsScope } from "../access/authenticate.ts";
import type { Refuse } from "../../telemetry/metrics.ts";
import { guarded, type Authenticated, type Guard } from "../guard.ts";
import type { ProtectedResource } from "../access/protected-resource.ts";

export interface MetricsRouteOptions {
  authenticator: Authenticator;
  authenticated: Guard;
  resource: ProtectedResource | undefined;
  refuse: Refuse;
  scrape(): Promise<Exposition>;
}

export function metricsRoute(
  app: Hono<Authenticated>,
  { authenticator, authenticated, resource, refuse, scrape }: MetricsRouteOptions,
): void {
  const scoped = needsScope(ROUTE_SCOPES["GET /metrics"], resource, refuse);
  const forWatchers: Guard = async (c) =>
    (await authenticator.required()) ? scoped(c) : undefined;
  const admitted = guarded(authenticated, forWatchers);
  app.get("/metrics", admitted, async (c) => {
    const { text, contentType } = await scrape();
    return c.body(text, 200, { "content-type": contentType });
  });
}
