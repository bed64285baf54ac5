// The routes, as a table of contents.
import type { InboundLadderRejection, JSONRPCMessage } from "@modelcontextprotocol/server";
import { Hono, type Context } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { may } from "../auth/principal.ts";
import { parseJson } from "../lib/json/json.ts";
import { dropNulls } from "../mcp/messages/absent.ts";
import { classify } from "../mcp/messages/classify.ts";
import { messageFault } from "../mcp/messages/faults.ts";
import { jsonAtEnd } from "../mcp/calls/json-at-end.ts";
import { contentFault, parseMessages } from "../mcp/messages/inbound.ts";
import type { PendingResponses } from "../mcp/calls/in-flight.ts";
import { neededScope, ROUTE_SCOPES } from "../mcp/scopes.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Incoming } from "../mcp/messages/incoming.ts";
import type { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import { isRequest, requestIdOf, RPC, rpcError } from "../protocol/json-rpc.ts";
import type { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics, Refuse } from "../telemetry/metrics.ts";
import type { Exposition } from "../telemetry/prometheus.ts";
import { authenticate, insufficientScope, needsScope } from "./access/authenticate.ts";
import { readBody } from "./body.ts";
import type { OpenConnections } from "./limits/connections.ts";
import { crossOrigin } from "./guards/cross-origin.ts";
import { discoveryRoutes } from "./access/discovery.ts";
import { answerError } from "./errors.ts";
import {
  acceptsStream,
  knownHosts,
  legacyOnly,
  mcpMediaTypes,
  methodNotAllowed,
  stopping,
  streamNeedsClient,
  takesStream,
  useStreamableHttp,
  whileAccepting,
} from "./guards/guards.ts";
import { guarded, together, type Authenticated, type Guard } from "./guards/guard.ts";
import { InFlight, limitBodies, pagesOf, withRoom } from "./limits/in-flight.ts";
import { CallRate, limitBatch, limitRate, refuseCompressed } from "./limits/limits.ts";
import { page, wantsPage } from "./page.ts";
import { healthRoutes, metricsRoute } from "./operations.ts";
import { observe } from "./observe.ts";
import type { ProtectedResource } from "./access/protected-resource.ts";
import { identify } from "./guards/request-id.ts";
import { signInRoutes } from "./access/sign-in.ts";
import { streamOf } from "../events/sse-stream.ts";
import { whenWritten, writeTogether } from "./listen.ts";
import type { StreamCredentials } from "./access/stream-credentials.ts";
import { pathName, sessionTarget, wantedToolsets } from "./guards/target.ts";

export interface RouteOptions {
  authenticator: Authenticator;
  streamCredentials: StreamCredentials;
  connections: OpenConnections;
  /** Present with an issuer of access tokens. */
  resource: ProtectedResource | undefined;
  registry: ToolRegistry;
  /** The 2025 era. */
  sessionful: LegacyEndpoint;
  /** Revision 2026-07-28. */
  stateless: ModernEndpoint;
  /** False while the server is stopping. */
  accepting(): boolean;
  exchanges: PendingResponses;
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
  /** Bound for one principal. */
  callsPerMinute: number;
  /** Present with /metrics; without it nothing is counted. */
  metrics: Metrics | undefined;
  scrape(): Promise<Exposition>;
  log: Logger;
}

export function createRoutes({
  authenticator,
  streamCredentials,
  connections,
  resource,
  registry,
  sessionful,
  stateless,
  accepting,
  exchanges,
  ready,
  publicUrl,
  hosts,
  origins,
  maxBodyBytes,
  maxInFlightBytes,
  maxDepth,
  callsPerMinute,
  metrics,
  scrape,
  log,
}: RouteOptions): Hono<Authenticated> {
  const app = new Hono<Authenticated>({ strict: false }); // ignore a slash at the end of an address
  app.onError(answerError(log));
  app.notFound(() => rpcError(404, RPC.server, "Nothing is here. MCP is at /mcp."));
  const refused: Refuse = (reason) => metrics?.refusals.add(reason);
  const address = (c: Context<Authenticated>): string =>
    publicUrl() ?? new URL("/mcp", c.req.url).href;
  app.use(observe(metrics, log));
  discoveryRoutes(app, { address, authenticator, hasIssuer: resource !== undefined, hosts });
  app.use(guarded(together(), identify, knownHosts(hosts, origins, refused)));
  if (origins.length > 0) {
    for (const path of ["/mcp/*", "/.well-known/*", "/register", "/token"])
      app.use(path, crossOrigin(origins));
  }
  app.use(guarded(whileAccepting(accepting)));

  const authenticated = authenticate({ authenticator, resource, connections, refuse: refused });
  healthRoutes(app, ready, log);
  if (metrics)
    metricsRoute(app, { authenticator, authenticated, resource, refuse: refused, scrape });

  if (resource) {
    app.get("/.well-known/oauth-protected-resource", (c) => c.json(resource.rootMetadata()));
    for (const path of ["/mcp", "/mcp/:name"])
      app.get(`/.well-known/oauth-protected-resource${path}`, (c) =>
        c.json(resource.metadata(pathName(c.req.url))),
      );
  }

  signInRoutes(app, { issuer: resource?.issuer, authenticator });

  const inFlight = new InFlight(maxInFlightBytes);
  const rate = new CallRate(callsPerMinute, refused);
  const admitting = [authenticated, limitRate(rate), refuseCompressed];
  const showPage = async (c: Context<Authenticated>) =>
    page(c, {
      url: address(c),
      asks: await authenticator.required(),
      issuer: resource !== undefined,
    });
  // Paths of clients of 2024-11-05.
  for (const path of ["/sse", "/messages", "/message"])
    app.all(path, (c) => rpcError(404, RPC.server, useStreamableHttp(address(c))));

  app.get("/", (c, next) => (wantsPage(c) ? showPage(c) : next()));
  app.get("/mcp", (c, next) => (wantsPage(c) ? showPage(c) : next()));

  const post = async (c: Context<Authenticated>): Promise<Response> => {
    const bytes = await readBody(c.req.raw, maxBodyBytes);
    if (bytes === undefined) {
      return rpcError(
        413,
        RPC.server,
        `The body is larger than ${maxBodyBytes} bytes (the setting max-body).`,
      );
    }
    if (!accepting()) return stopping(); // a stop does not wait for bodies
    const answered = exchanges.enter();
    try {
      return await answer(c, bytes);
    } finally {
      answered();
    }
  };
  const answer = async (
    c: Context<Authenticated>,
    bytes: ArrayBuffer | Buffer,
  ): Promise<Response> => {
    const body = parseJson(bytes, maxDepth, parseMessages);
    if (body instanceof Error) return rpcError(400, RPC.parseError, body.message);
    dropNulls(body.value);
    if (Array.isArray(body.value) && body.value.length > 1) {
      const refusal = await limitBatch(rate, c.get("principal").id, body.value.length);
      if (refusal) return refusal;
    }
    const headers = {
      session: c.req.header("mcp-session-id"),
      protocolVersion: c.req.header("mcp-protocol-version"),
      method: c.req.header("mcp-method"),
      name: c.req.header("mcp-name"),
    };
    const route = classify(headers, body.value);
    if (route.kind === "reject") return refuse(route, body.value);
    const message = body.value as JSONRPCMessage | JSONRPCMessage[];
    const scope = neededScope(message, registry);
    if (!may(c.get("principal"), scope)) {
      refused("scope");
      return insufficientScope(c, scope, resource);
    }
    const fault = [message].flat().map(contentFault).find(Boolean);
    if (fault !== undefined) return refuseContent(fault, message);
    const pages = pagesOf([message].flat(), registry);
    return withRoom(inFlight, c, pages, async () =>
      streaming(
        c,
        route.kind === "modern"
          ? await stateless.post(incoming(c), route, c.req.raw)
          : await sessionful.post(incoming(c), message),
        Array.isArray(message),
      ),
    );
  };
  const needs = (route: keyof typeof ROUTE_SCOPES): Guard =>
    needsScope(ROUTE_SCOPES[route], resource, refused);
  for (const path of ["/mcp", "/mcp/:name"]) {
    app.post(path, guarded(...admitting, mcpMediaTypes, limitBodies(inFlight, maxBodyBytes)), post);
    app.get(
      path,
      guarded(
        ...admitting,
        needs("GET /mcp"),
        legacyOnly,
        streamNeedsClient(address),
        acceptsStream,
      ),
      async (c) => streaming(c, await sessionful.get(incoming(c))),
    );
    app.delete(path, guarded(...admitting, needs("DELETE /mcp"), legacyOnly), (c) =>
      sessionful.delete(incoming(c)),
    );
    app.all(path, guarded(...admitting), () => methodNotAllowed());
  }

  return app;

  /** Prepare an answer that is a stream. Middleware may wrap the response later, so find the stream here. */
  function streaming(
    c: Context<Authenticated>,
    response: Response,
    batch = false,
  ): Response | Promise<Response> {
    const stream = streamOf(response);
    if (stream === undefined) return response;
    streamCredentials.watch(stream, c.get("admission"));
    writeTogether(c.env.outgoing);
    whenWritten(c.env.outgoing, (written) => stream.settle(written));
    if (c.req.method === "POST" && !takesStream(c))
      return jsonAtEnd(stream, { batch, signal: c.req.raw.signal });
    return response;
  }
}

const incoming = (c: Context<Authenticated>): Incoming => ({
  principal: c.get("principal"),
  requestId: c.get("requestId"),
  headers: c.req.raw.headers,
  target: sessionTarget(c.req.url),
  toolsets: wantedToolsets(c.req.queries("tools")),
  takesStream: takesStream(c),
  clientId: c.req.header("mcp-session-id"),
  protocolVersion: c.req.header("mcp-protocol-version"),
  lastEventId: c.req.header("last-event-id"),
});

/** Refuse a message of no known era, or one whose envelope or headers are wrong. */
const refuse = (
  { cell, httpStatus, code, message, data }: InboundLadderRejection,
  body: unknown,
): Response => {
  const reason = cell === "invalid-json-rpc-body" ? messageFault(body) : message;
  return rpcError(httpStatus, code, reason, { id: requestIdOf(body), data });
};

/** Refuse a faulty message. A notification or `initialize` is refused with HTTP 400, any other request with 200. */
function refuseContent(fault: string, message: JSONRPCMessage | JSONRPCMessage[]): Response {
  const request = !Array.isArray(message) && isRequest(message) ? message : undefined;
  const status = request === undefined || request.method === "initialize" ? 400 : 200;
  return rpcError(status, RPC.invalidParams, fault, { id: request?.id ?? null });
}
