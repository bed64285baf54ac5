// Serves an app on a port of the system's choice, and sends the port to the parent process.
import { serve } from "@hono/node-server";
import type { Hono } from "hono";

export function listen(app: Hono): void {
  serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, ({ port }) => {
    process.stdout.write(`listens on http://127.0.0.1:${port}/mcp\n`);
  });
}
