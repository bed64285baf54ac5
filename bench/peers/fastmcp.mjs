// fastmcp as its README starts it, with answers in JSON: one server object for each session, state by the session's id.
import { createServer } from "node:net";
import { FastMCP } from "fastmcp";
import { z } from "zod";

const state = new Map();
const none = () => undefined;
const server = new FastMCP({
  name: "fastmcp",
  version: "1.0.0",
  // It warns for each session that it knows nothing of the client yet.
  logger: { debug: none, info: none, log: none, warn: none, error: console.error },
});

server.addTool({
  name: "state_set",
  description: "Set",
  parameters: z.object({ key: z.string(), value: z.unknown() }),
  execute: async ({ key, value }, { sessionId }) => {
    state.set(`${sessionId}/${key}`, value);
    return "ok";
  },
});

server.addTool({
  name: "state_get",
  description: "Get",
  parameters: z.object({ key: z.string() }),
  execute: async ({ key }, { sessionId }) => JSON.stringify(state.get(`${sessionId}/${key}`)),
});

server.addTool({
  name: "echo",
  description: "Echo",
  parameters: z.object({ text: z.string() }),
  execute: async ({ text }) => text,
});

const port = await freePort();
await server.start({
  transportType: "httpStream",
  httpStream: { host: "127.0.0.1", port, enableJsonResponse: true },
});
process.stdout.write(`listens on http://127.0.0.1:${port}/mcp\n`);

/** A port that is free now: fastmcp does not tell the port that the system chooses for it. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
