// The SDK's high-level server with the tools of the benchmark; its state is a Map.
import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

export function sdkServer(state: Map<string, unknown>): McpServer {
  const server = new McpServer({ name: "sdk", version: "1" });
  const text = (value: unknown) => ({ content: [{ type: "text" as const, text: String(value) }] });
  server.registerTool(
    "state_set",
    {
      description: "Set",
      inputSchema: z.object({
        session: z.string().optional(),
        key: z.string(),
        value: z.unknown(),
      }),
    },
    ({ session, key, value }) => {
      state.set(`${session ?? ""}/${key}`, value);
      return text("ok");
    },
  );
  server.registerTool(
    "state_get",
    {
      description: "Get",
      inputSchema: z.object({ session: z.string().optional(), key: z.string() }),
    },
    ({ session, key }) => text(JSON.stringify(state.get(`${session ?? ""}/${key}`))),
  );
  server.registerTool(
    "echo",
    { description: "Echo", inputSchema: z.object({ text: z.string() }) },
    (input) => text(input.text),
  );
  server.registerTool(
    "steps",
    { description: "Progress", inputSchema: z.object({ steps: z.number() }) },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken ?? 0;
      for (let progress = 1; progress <= steps; progress++)
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress },
        });
      return text("done");
    },
  );
  return server;
}
