// The routes, as a table of contents.
import { Hono } from "hono";
import type { Context } from "hono";
import { LOCAL } from "../auth/principal.ts";
import type { Incoming, Sessionful } from "../mcp/sessionful.ts";
import { RPC, rpcError } from "../mcp/rpc.ts";
import type { Logger } from "../telemetry.ts";
import { answerError } from "./errors.ts";
import { acceptsStream, knownHosts, limitBody, mcpMediaTypes } from "./guards.ts";
import { sessionTarget } from "./target.ts";

export interface HttpParts {
  sessionful: Sessionful;
  /** Rejects when the storage cannot be used. */
  ready(): Promise<void>;
  /** Host names that requests may name. */
  hosts: readonly string[];
  maxBodyBytes: number;
  log: Logger;
}

export function createRoutes({ sessionful, ready, hosts, maxBodyBytes, log }: HttpParts): Hono {
  const app = new Hono();
  app.onError(answerError(log));
  app.notFound(() => rpcError(404, RPC.server, "Nothing is here. MCP is at /mcp."));
  app.use(knownHosts(hosts));

  app.get("/healthz", (c) => c.text("ok\n"));
  app.get("/readyz", async (c) => {
    await ready();
    return c.text("ok\n");
  });

  app.post("/mcp", mcpMediaTypes, limitBody(maxBodyBytes), async (c) => {
    const body = parseJson(await c.req.text());
    if (body === undefined) return rpcError(400, RPC.parseError, "The body is not valid JSON.");
    return sessionful.post(incoming(c), body.value);
  });
  app.get("/mcp", acceptsStream, (c) => sessionful.get(incoming(c)));
  app.delete("/mcp", (c) => sessionful.delete(incoming(c)));
  app.all("/mcp", () =>
    rpcError(405, RPC.server, "Method not allowed.", { headers: { allow: "POST, GET, DELETE" } }),
  );

  return app;
}

const incoming = (c: Context): Incoming => ({
  principal: LOCAL,
  target: sessionTarget(c.req.query("session"), c.req.query("name")),
  clientId: c.req.header("mcp-session-id"),
  protocolVersion: c.req.header("mcp-protocol-version"),
  lastEventId: c.req.header("last-event-id"),
});

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
