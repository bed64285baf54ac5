// The routes, as a table of contents.
import {
  classifyInboundRequest,
  type InboundLadderRejection,
  type JSONRPCMessage,
} from "@modelcontextprotocol/server";
import { Hono } from "hono";
import type { Context } from "hono";
import type { Authenticator } from "../auth/authenticator.ts";
import { may } from "../auth/principal.ts";
import { neededScope } from "../mcp/scopes.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Incoming, Sessionful } from "../mcp/sessionful.ts";
import { requestIdOf, RPC, rpcError } from "../mcp/rpc.ts";
import type { Stateless } from "../mcp/stateless.ts";
import type { Logger } from "../telemetry.ts";
import { authenticate, insufficientScope, type Authenticated } from "./authenticate.ts";
import { readBody } from "./body.ts";
import { crossOrigin } from "./cross-origin.ts";
import { answerError } from "./errors.ts";
import {
  acceptsStream,
  knownHosts,
  mcpMediaTypes,
  methodNotAllowed,
  whileAccepting,
} from "./guards.ts";
import { limitRate, refuseCompressed } from "./limits.ts";
import { parseJson } from "./json.ts";
import type { ProtectedResource } from "./protected-resource.ts";
import type { StreamCredentials } from "./stream-credentials.ts";
import { sessionTarget } from "./target.ts";

export interface HttpParts {
  authenticator: Authenticator;
  streamCredentials: StreamCredentials;
  /** Where an issuer gives out access tokens. */
  resource: ProtectedResource | undefined;
  registry: ToolRegistry;
  /** The 2025 era. */
  sessionful: Sessionful;
  /** 2026-07-28. */
  stateless: Stateless;
  /** False while the server is stopping. */
  accepting(): boolean;
  /** Rejects when the storage cannot be used. */
  ready(): Promise<void>;
  /** Host names that requests may name. */
  hosts: readonly string[];
  /** Origins whose pages may use the server from a browser. */
  origins: readonly string[];
  maxBodyBytes: number;
  /** Of one principal. */
  callsPerMinute: number;
  log: Logger;
}

export function createRoutes({
  authenticator,
  streamCredentials,
  resource,
  registry,
  sessionful,
  stateless,
  accepting,
  ready,
  hosts,
  origins,
  maxBodyBytes,
  callsPerMinute,
  log,
}: HttpParts): Hono<Authenticated> {
  const app = new Hono<Authenticated>();
  app.onError(answerError(log));
  app.notFound(() => rpcError(404, RPC.server, "Nothing is here. MCP is at /mcp."));
  app.use(knownHosts(hosts, origins));
  if (origins.length > 0) {
    for (const path of ["/mcp", "/.well-known/*"]) app.use(path, crossOrigin(origins));
  }
  app.use(whileAccepting(accepting));

  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", async (c) => {
    await ready();
    return c.text("ok\n");
  });

  if (resource) {
    for (const path of ["", "/mcp"])
      app.get(`/.well-known/oauth-protected-resource${path}`, (c) => c.json(resource.metadata));
  }

  app.use(
    "/mcp",
    authenticate(authenticator, streamCredentials, resource),
    limitRate(callsPerMinute),
    refuseCompressed,
  );
  app.post("/mcp", mcpMediaTypes, async (c) => {
    const bytes = await readBody(c.req.raw, maxBodyBytes);
    if (bytes === undefined) {
      return rpcError(
        413,
        RPC.server,
        `The body is larger than ${maxBodyBytes} bytes (the setting max-body).`,
      );
    }
    const body = parseJson(bytes);
    if (body instanceof Error) return rpcError(400, RPC.parseError, body.message);
    const route = classifyInboundRequest({
      httpMethod: "POST",
      protocolVersionHeader: c.req.header("mcp-protocol-version"),
      mcpMethodHeader: c.req.header("mcp-method"),
      mcpNameHeader: c.req.header("mcp-name"),
      body: body.value,
    });
    if (route.kind === "reject") return refuse(route, body.value);
    const message = body.value as JSONRPCMessage | JSONRPCMessage[];
    const scope = neededScope(message, registry);
    if (!may(c.get("principal"), scope)) return insufficientScope(scope, resource);
    return route.kind === "modern"
      ? stateless.post(incoming(c), route, c.req.raw)
      : sessionful.post(incoming(c), message);
  });
  app.get("/mcp", acceptsStream, (c) => sessionful.get(incoming(c)));
  app.delete("/mcp", (c) => sessionful.delete(incoming(c)));
  app.all("/mcp", methodNotAllowed);

  return app;
}

const incoming = (c: Context<Authenticated>): Incoming => ({
  principal: c.get("principal"),
  target: sessionTarget(c.req.query("session"), c.req.query("name")),
  clientId: c.req.header("mcp-session-id"),
  protocolVersion: c.req.header("mcp-protocol-version"),
  lastEventId: c.req.header("last-event-id"),
});

/** A message that belongs to no era, or whose envelope or headers are wrong. */
const refuse = (
  { httpStatus, code, message, data }: InboundLadderRejection,
  body: unknown,
): Response => rpcError(httpStatus, code, message, { id: requestIdOf(body), data });
