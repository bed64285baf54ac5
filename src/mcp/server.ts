// The SDK's `Server` over the tool registry: the same for every transport and every client.
import { Server, type ServerContext } from "@modelcontextprotocol/server";
import type { Caller } from "../sessions/session.ts";
import type { ToolRegistry } from "../tools/registry.ts";

export interface ServerInfo {
  name: string;
  title: string;
  version: string;
}

export interface ServerParts {
  info: ServerInfo;
  registry: ToolRegistry;
}

/** Who makes the request of this context. */
export type CallerOf = (context: ServerContext) => Caller;

const INSTRUCTIONS =
  "Holdfast remembers. Each connection has a session with key/value state (state_*) and a history (history_*, chat) " +
  "that survive restarts of this server and of your program. session_list finds earlier sessions; pass a session's id " +
  "as `session` to work in it.";

/** A server that is not connected yet. Building one is cheap: the tools' schemas were prepared once. */
export function createServer({ info, registry }: ServerParts, callerOf: CallerOf): Server {
  const server = new Server(info, {
    capabilities: { tools: {}, logging: {} },
    instructions: INSTRUCTIONS,
  });

  server.setRequestHandler("tools/list", () => ({ tools: [...registry.wire] }));

  server.setRequestHandler("tools/call", ({ params }, context) => {
    const { mcpReq } = context;
    const progressToken = mcpReq._meta?.progressToken;
    return registry.call(params.name, params.arguments, {
      caller: callerOf(context),
      signal: mcpReq.signal,
      log: (level, data) => mcpReq.log(level, data),
      async progress(progress, total, message) {
        if (progressToken === undefined) return;
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress, total, message },
        });
      },
    });
  });

  return server;
}
