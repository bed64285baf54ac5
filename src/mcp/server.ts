// The SDK's `Server` over the tool registry: the same for every transport and every client.
import {
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { PromptRegistry } from "../prompts/prompt.ts";
import type { ResourceRegistry } from "../resources/registry.ts";
import type { Caller } from "../sessions/session.ts";
import type { SubscriptionStore } from "../streams/subscriptions.ts";
import type { CallChannel } from "../tools/context.ts";
import type { ToolRegistry } from "../tools/registry.ts";

export interface ServerInfo {
  name: string;
  title: string;
  version: string;
}

export interface ServerParts {
  info: ServerInfo;
  registry: ToolRegistry;
  resources: ResourceRegistry;
  prompts: PromptRegistry;
  subscriptions: SubscriptionStore;
}

const MAX_SUBSCRIPTIONS = 1_000;

/** Who makes the request of this context. */
export type CallerOf = (context: ServerContext) => Caller;

const INSTRUCTIONS =
  "Holdfast remembers. Each connection has a session with key/value state (state_*) and a history (history_*, chat) " +
  "that survive restarts of this server and of your program. session_list finds earlier sessions; pass a session's id " +
  "as `session` to work in it.";

/** A server that is not connected yet. Building one is cheap: the tools' schemas were prepared once. */
export function createServer(parts: ServerParts, callerOf: CallerOf): Server {
  const { info, registry, resources, prompts } = parts;
  const server = new Server(info, {
    capabilities: {
      tools: {},
      logging: {},
      resources: { subscribe: true },
      prompts: {},
      completions: {},
    },
    instructions: INSTRUCTIONS,
  });
  const principalOf = (context: ServerContext) => callerOf(context).principal;

  server.setRequestHandler("tools/list", () => ({ tools: [...registry.wire] }));
  server.setRequestHandler("tools/call", ({ params }, context) =>
    registry.call(params.name, params.arguments, {
      caller: callerOf(context),
      channel: channelOf(context),
    }),
  );

  server.setRequestHandler("resources/list", async (_, context) => ({
    resources: await resources.list(principalOf(context)),
  }));
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: [...resources.templates],
  }));
  server.setRequestHandler("resources/read", ({ params }, context) =>
    resources.read(params.uri, principalOf(context)),
  );
  server.setRequestHandler("resources/subscribe", async ({ params: { uri } }, context) => {
    await parts.subscriptions.subscribe({ clientId: clientIdOf(context), uri }, MAX_SUBSCRIPTIONS);
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", async ({ params: { uri } }, context) => {
    await parts.subscriptions.unsubscribe({ clientId: clientIdOf(context), uri });
    return {};
  });

  server.setRequestHandler("prompts/list", () => ({ prompts: [...prompts.wire] }));
  server.setRequestHandler("prompts/get", ({ params }, context) =>
    prompts.get(params.name, params.arguments ?? {}, principalOf(context)),
  );
  server.setRequestHandler("completion/complete", ({ params: { ref, argument } }, context) =>
    ref.type === "ref/prompt"
      ? prompts.complete(ref.name, argument, principalOf(context))
      : NO_COMPLETION,
  );

  /** Only a client that has introduced itself can be told of changes. */
  function clientIdOf(context: ServerContext): string {
    const { client } = callerOf(context);
    if (client === undefined)
      throw new ProtocolError(ProtocolErrorCode.MethodNotFound, "Method not found");
    return client.id;
  }

  return server;
}

const NO_COMPLETION = { completion: { values: [] } };

function channelOf({ mcpReq, http }: ServerContext): CallChannel {
  const progressToken = mcpReq._meta?.progressToken;
  return {
    signal: mcpReq.signal,
    inputResponses: mcpReq.inputResponses,
    requestState: mcpReq.requestState,
    log: (level, data) => mcpReq.log(level, data).catch(gone),
    closeStream: () => http?.closeSSE?.(),
    async progress(progress, total, message) {
      if (progressToken === undefined) return;
      const params = { progressToken, progress, total, message };
      await mcpReq.notify({ method: "notifications/progress", params }).catch(gone);
    },
  };
}

/** Progress and logs are courtesies: that nobody can be told any more must not fail the call, awaited or not. */
const gone = (): void => undefined;
