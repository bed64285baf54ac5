// mcp-use as its README writes a server, without its log of requests and its telemetry. It has no sessions: the caller
// names one.
import { MCPServer } from "mcp-use";
import { z } from "zod";

process.env.MCP_USE_ANONYMIZED_TELEMETRY = "false";

const state = new Map();
const server = new MCPServer({
  name: "mcp-use",
  version: "1.0.0",
  logging: { enabled: false },
});
const text = (value) => ({ content: [{ type: "text", text: value }] });

server.tool(
  {
    name: "state_set",
    description: "Set",
    inputSchema: z.object({ session: z.string(), key: z.string(), value: z.unknown() }),
  },
  async ({ session, key, value }) => {
    state.set(`${session}/${key}`, value);
    return text("ok");
  },
);

server.tool(
  {
    name: "state_get",
    description: "Get",
    inputSchema: z.object({ session: z.string(), key: z.string() }),
  },
  async ({ session, key }) => text(JSON.stringify(state.get(`${session}/${key}`))),
);

server.tool(
  { name: "echo", description: "Echo", inputSchema: z.object({ text: z.string() }) },
  async (input) => text(input.text),
);

const { url } = await server.listen(0, { host: "127.0.0.1" });
process.stdout.write(`listens on ${url}\n`);
