// `GET /metrics` for Prometheus. Its numbers tell about everybody, so where credentials are asked for it is the operator's.
import type { Hono, MiddlewareHandler } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { may } from "../auth/principal.ts";
import type { Exposition } from "../telemetry/prometheus.ts";
import { authenticate, insufficientScope, type Authenticated } from "./authenticate.ts";
import type { Refuse } from "../telemetry/metrics.ts";
import type { ProtectedResource } from "./protected-resource.ts";

export interface MetricsRouteParts {
  authenticator: Authenticator;
  resource: ProtectedResource | undefined;
  refuse: Refuse;
  scrape(): Promise<Exposition>;
}

export function metricsRoute(
  app: Hono<Authenticated>,
  { authenticator, resource, refuse, scrape }: MetricsRouteParts,
): void {
  const forAdmins: MiddlewareHandler<Authenticated> = async (c, next) => {
    if (!(await authenticator.required()) || may(c.get("principal"), "admin")) return next();
    refuse("scope");
    return insufficientScope("admin", resource);
  };
  app.get("/metrics", authenticate(authenticator, resource, refuse), forAdmins, async (c) => {
    const { text, contentType } = await scrape();
    return c.body(text, 200, { "content-type": contentType });
  });
}
