// mcp-handler as its README writes a server, mounted in Hono. It has no sessions: the caller names one.
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createMcpHandler } from "mcp-handler";
import { z } from "zod";

const state = new Map();
const text = (value) => ({ content: [{ type: "text", text: value }] });

const handler = createMcpHandler((server) => {
  server.registerTool(
    "state_set",
    {
      description: "Set",
      inputSchema: z.object({ session: z.string(), key: z.string(), value: z.unknown() }),
    },
    async ({ session, key, value }) => {
      state.set(`${session}/${key}`, value);
      return text("ok");
    },
  );

  server.registerTool(
    "state_get",
    { description: "Get", inputSchema: z.object({ session: z.string(), key: z.string() }) },
    async ({ session, key }) => text(JSON.stringify(state.get(`${session}/${key}`))),
  );

  server.registerTool(
    "echo",
    { description: "Echo", inputSchema: z.object({ text: z.string() }) },
    async (input) => text(input.text),
  );
});

const app = new Hono();
app.all("/mcp", (c) => handler(c.req.raw));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  process.stdout.write(`listens on http://127.0.0.1:${port}/mcp\n`);
});
