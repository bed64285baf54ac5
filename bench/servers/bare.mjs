// Bare Node, Hono and @hono/node-server, in JavaScript: nothing can start sooner on this stack.
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const app = new Hono();
app.get("/healthz", (c) => c.text("ok"));
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
  process.stdout.write(`listens on http://127.0.0.1:${port}/mcp\n`);
});
