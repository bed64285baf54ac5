// The routes, as a table of contents.
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { keyIdOf } from "../auth/api-keys.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { PendingResponses } from "../mcp/calls/in-flight.ts";
import type { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import type { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import { ROUTE_SCOPES } from "../mcp/scopes.ts";
import type { AuthorizationServer } from "../oauth/authorization-server.ts";
import { RequestError } from "../protocol/errors.ts";
import type { Storage } from "../storage/storage.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics, Refuse } from "../telemetry/metrics.ts";
import type { Exposition } from "../telemetry/prometheus.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { authenticate, needsScope } from "./access/authenticate.ts";
import { authorizationServerRoutes } from "./access/authorization-server.ts";
import { discoveryRoutes } from "./access/discovery.ts";
import { type ProtectedResource, resourceRoutes } from "./access/protected-resource.ts";
import { signInRoutes } from "./access/sign-in.ts";
import type { StreamCredentials } from "./access/stream-credentials.ts";
import { answerError } from "./errors.ts";
import { allowOrigins } from "./guards/cross-origin.ts";
import { type Authenticated, type Guard, guarded, pass, together } from "./guards/guard.ts";
import {
  acceptsStream,
  knownHosts,
  legacyOnly,
  mcpMediaTypes,
  methodNotAllowed,
  streamNeedsClient,
  useStreamableHttp,
  whileAccepting,
} from "./guards/guards.ts";
import { identify } from "./guards/request-id.ts";
import type { OpenConnections } from "./limits/connections.ts";
import { InFlight, limitBodies } from "./limits/in-flight.ts";
import { CallRate, limitRate, refuseCompressed } from "./limits/limits.ts";
import { McpHandlers } from "./mcp.ts";
import { observe } from "./observe.ts";
import { healthRoutes, metricsRoute } from "./operations.ts";
import { pageRoutes, wantsPage } from "./page.ts";

export interface RouteOptions {
  authenticator: Authenticator;
  streamCredentials: StreamCredentials;
  connections: OpenConnections;
  /** Present with an issuer of access tokens, here or elsewhere. */
  resource: ProtectedResource | undefined;
  /** Present if this server is the issuer. */
  authorizationServer: AuthorizationServer | undefined;
  registry: ToolRegistry;
  legacy: LegacyEndpoint;
  modern: ModernEndpoint;
  /** False while the server is stopping. */
  accepting(): boolean;
  pending: PendingResponses;
  /** Runs a request of `/mcp`; the storage may read ahead. */
  request: Storage["request"];
  /** Rejects when the storage cannot be used. */
  ready(): Promise<void>;
  /** Address of `/mcp` for clients, if it is configured. */
  publicUrl(): string | undefined;
  /** Accepted host names. */
  hosts: readonly string[];
  /** Origins whose pages may use the server from a browser. */
  origins: readonly string[];
  maxBodyBytes: number;
  /** Bound on bodies and answers together. */
  maxInFlightBytes: number;
  /** Deepest nesting of JSON. */
  maxDepth: number;
  /** Most requests of a principal in a minute, at this moment. */
  callsPerMinute(): number;
  /** Present with /metrics; without it nothing is counted. */
  metrics: Metrics | undefined;
  scrape(): Promise<Exposition>;
  /** The pages below /console; absent without them. */
  console: Pages | undefined;
  log: Logger;
}

/** Answers a request for a page. */
export type Pages = (
  request: Request,
  env: HttpBindings & { requestId: string },
) => Promise<Response>;

export function createRoutes(options: RouteOptions): Hono<Authenticated> {
  const { authenticator, connections, resource, hosts, origins, metrics, log } = options;
  const app = new Hono<Authenticated>({
    strict: false, // ignore a slash at the end of an address
    router: new RegExpRouter(), // refuses routes that only Hono's slower router could tell apart
  });
  const refuse: Refuse = (reason) => metrics?.refusals.add(reason);
  const authenticated = authenticate({ authenticator, resource, connections, refuse });
  const address = (c: Context<Authenticated>): string =>
    options.publicUrl() ?? new URL("/mcp", c.req.url).href;

  app.onError(answerError(log));
  app.notFound(() => {
    throw new RequestError("no_route", "Nothing is here. MCP is at /mcp.");
  });
  app.use(observe(metrics, log));
  discoveryRoutes(app, { address, authenticator, hasIssuer: resource !== undefined, hosts });
  const known = [together(), identify, knownHosts(hosts, origins, refuse)];
  const accepting = whileAccepting(() => options.accepting());
  if (origins.length === 0) app.use(guarded(...known, accepting));
  else {
    app.use(guarded(...known));
    allowOrigins(app, origins);
    app.use(guarded(accepting));
  }
  healthRoutes(app, () => options.ready(), log);
  if (metrics)
    metricsRoute(app, {
      authenticator,
      authenticated,
      resource,
      refuse,
      scrape: () => options.scrape(),
    });
  if (resource) resourceRoutes(app, resource);
  const { authorizationServer: server } = options;
  if (server) authorizationServerRoutes(app, { server, refuse, log });
  else signInRoutes(app, { issuer: resource?.issuer, authenticator });
  retiredRoutes(app, address);
  if (options.console) consoleRoutes(app, options.console);
  pageRoutes(app, {
    address,
    authenticator,
    hasIssuer: resource !== undefined,
    hasConsole: options.console !== undefined,
  });
  mcpRoutes(app, options, { authenticated, address, refuse });
  return app;
}

/** Hand requests to the console. A browser that opens the server's own address is led there. */
function consoleRoutes(app: Hono<Authenticated>, pages: Pages): void {
  const answer = (c: Context<Authenticated>): Promise<Response> =>
    pages(c.req.raw, { ...c.env, requestId: c.get("requestId") });
  app.all("/console", answer);
  app.all("/console/*", answer);
  app.get("/", (c, next) =>
    wantsPage(c) ? Promise.resolve(c.redirect("/console", 302)) : next().then(() => undefined),
  );
}

/** Answer on the paths of clients of the HTTP+SSE transport of 2024-11-05. */
function retiredRoutes(
  app: Hono<Authenticated>,
  address: (c: Context<Authenticated>) => string,
): void {
  for (const path of ["/sse", "/messages", "/message"])
    app.all(path, (c) => {
      throw new RequestError("no_route", useStreamableHttp(address(c)));
    });
}

interface McpRouteOptions {
  authenticated: Guard;
  address(c: Context<Authenticated>): string;
  refuse: Refuse;
}

function mcpRoutes(
  app: Hono<Authenticated>,
  options: RouteOptions,
  { authenticated, address, refuse }: McpRouteOptions,
): void {
  const rate = new CallRate(() => options.callsPerMinute(), refuse);
  const inFlight = new InFlight(options.maxInFlightBytes);
  const mcp = new McpHandlers({
    legacy: options.legacy,
    modern: options.modern,
    registry: options.registry,
    resource: options.resource,
    streamCredentials: options.streamCredentials,
    accepting: () => options.accepting(),
    pending: options.pending,
    rate,
    inFlight,
    maxBodyBytes: options.maxBodyBytes,
    maxDepth: options.maxDepth,
    refuse,
  });
  const admitting = [authenticated, limitRate(rate), refuseCompressed];
  const needs = (route: keyof typeof ROUTE_SCOPES): Guard =>
    needsScope(ROUTE_SCOPES[route], options.resource, refuse);
  const posting = [mcpMediaTypes, limitBodies(inFlight, options.maxBodyBytes)];
  const streaming = [needs("GET /mcp"), legacyOnly, streamNeedsClient(address), acceptsStream];
  const ending = [needs("DELETE /mcp"), legacyOnly];
  const route =
    (guards: readonly Guard[], answer: (c: Context<Authenticated>) => Promise<Response>) =>
    (c: Context<Authenticated>): Promise<Response> => {
      const { headers } = c.env.incoming;
      const keyId = keyIdOf(headers.authorization);
      const clientId = headers["mcp-session-id"] as string | undefined;
      return options.request({ keyId, clientId }, () => pass(c, guards, () => answer(c)));
    };
  for (const path of ["/mcp", "/mcp/:name"]) {
    app.post(
      path,
      route([...admitting, ...posting], (c) => mcp.post(c)),
    );
    app.get(
      path,
      route([...admitting, ...streaming], (c) => mcp.get(c)),
    );
    app.delete(
      path,
      route([...admitting, ...ending], (c) => mcp.delete(c)),
    );
    app.all(
      path,
      route(admitting, () => {
        throw methodNotAllowed();
      }),
    );
  }
}
