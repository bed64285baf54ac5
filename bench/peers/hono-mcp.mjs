// @hono/mcp's transport with the SDK of the 2025 revisions: one server and one transport for each session, answers in JSON.
import { randomUUID } from "node:crypto";
import { StreamableHTTPTransport } from "@hono/mcp";
import { serve } from "@hono/node-server";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Hono } from "hono";
import { z } from "zod";

const state = new Map();
const transports = new Map();
const text = (value) => ({ content: [{ type: "text", text: value }] });

function createServer() {
  const server = new McpServer({ name: "hono-mcp", version: "1.0.0" });
  server.registerTool(
    "state_set",
    { description: "Set", inputSchema: { key: z.string(), value: z.unknown() } },
    async ({ key, value }, { sessionId }) => {
      state.set(`${sessionId}/${key}`, value);
      return text("ok");
    },
  );
  server.registerTool(
    "state_get",
    { description: "Get", inputSchema: { key: z.string() } },
    async ({ key }, { sessionId }) => text(JSON.stringify(state.get(`${sessionId}/${key}`))),
  );
  server.registerTool(
    "echo",
    { description: "Echo", inputSchema: { text: z.string() } },
    async (input) => text(input.text),
  );
  return server;
}

async function open() {
  const transport = new StreamableHTTPTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse: true,
    onsessioninitialized: (id) => void transports.set(id, transport),
  });
  await createServer().connect(transport);
  return transport;
}

const app = new Hono();
app.all("/mcp", async (c) => {
  const known = transports.get(c.req.header("mcp-session-id") ?? "");
  return (known ?? (await open())).handleRequest(c);
});
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  process.stdout.write(`listens on http://127.0.0.1:${port}/mcp\n`);
});
