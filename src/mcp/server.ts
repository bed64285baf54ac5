// The SDK's `Server` over the tool registry, the same for every transport and every client.
import {
  type CallToolResult,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
  type ServerOptions,
} from "@modelcontextprotocol/server";
import { wrongCursor } from "../lib/cursor.ts";
import { AppError } from "../lib/errors.ts";
import type { PromptRegistry } from "../prompts/registry.ts";
import { RequestError } from "../protocol/errors.ts";
import type { ResourceRegistry } from "../resources/registry.ts";
import type { Caller } from "../sessions/session.ts";
import { canonicalUri } from "../sessions/uris.ts";
import { asked } from "../tools/call-result.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Settled } from "../tools/results.ts";
import type { TaskAccess } from "../tools/tasks/task-access.ts";
import type { SubscriptionStore } from "../updates/store.ts";
import { channelOf, programOf } from "./calls/channel.ts";
import type { RequestLog } from "./calls/request-log.ts";
import { readable } from "./messages/faults.ts";
import { checkDeclared } from "./scopes.ts";
import { offerSkill } from "./skill.ts";
import { offerTasks } from "./tasks.ts";

export interface ServerInfo {
  name: string;
  title: string;
  version: string;
}

export interface McpServerOptions {
  info: ServerInfo;
  registry: ToolRegistry;
  resources: ResourceRegistry;
  prompts: PromptRegistry;
  subscriptions: SubscriptionStore;
  requestLog: RequestLog;
  tasks: TaskAccess;
}

export const MAX_SUBSCRIPTIONS = 1_000;
/** Of the canonical spelling too, which a database indexes. Those of our own resources are shorter. */
export const MAX_URI_BYTES = 2_048;

export const isLongUri = (uri: string): boolean =>
  [uri, canonicalUri(uri.slice(0, MAX_URI_BYTES))].some(
    (spelling) => Buffer.byteLength(spelling) > MAX_URI_BYTES,
  );

/** Cache hint for results that change only with the program. */
const FIXED = { ttlMs: 300_000, cacheScope: "public" } as const;
/** Cache hint for lists that depend on the caller's scope and address. */
const OWN_LIST = { ttlMs: 60_000, cacheScope: "private" } as const;
/** Cache hint for changing lists; it is short, because not every caller listens to changes. */
const CHANGING_LIST = { ...OWN_LIST, ttlMs: 5_000 } as const;

/** Hints per method. Prompts and templates depend on scope and folder, too. */
function cacheHints({ changes }: ToolRegistry): ServerOptions["cacheHints"] {
  const lists = ["tools/list", "prompts/list", "resources/templates/list"] as const;
  const hint = changes ? CHANGING_LIST : OWN_LIST;
  return { "server/discover": FIXED, ...Object.fromEntries(lists.map((list) => [list, hint])) };
}

/** Returns the caller of a request by its context. */
export type CallerOf = (context: ServerContext) => Caller;

/** Five short lines, because each client puts them before its model. */
const INSTRUCTIONS = [
  "Holdfast remembers across conversations, restarts and programs.",
  "Look first: when the user builds on something earlier, call state_list, or history_search with scope `all`.",
  "Save as you go: facts, preferences and decisions with state_set, what was said or done with history_append; no secrets unasked.",
  "A session is a conversation. Without `session`, a call works in the current one, which is there the next time too.",
  "For another topic begin one with session_open, or find an earlier one with session_list; pass its id as `session`.",
].join("\n");

/** The outcome of a call that has run already, once. */
type OutcomeOf = (context: ServerContext) => Promise<Settled> | undefined;

/** A server with readable errors that refuses a handler for a method without a scope. */
export class PlainServer extends Server {
  protected override _wrapHandler(...[method, handler]: Wrapping): Wrapping[1] {
    checkDeclared(method);
    const inner = super._wrapHandler(method, handler);
    return async (request, context) => {
      try {
        return await inner(request, context);
      } catch (error) {
        throw readable(error);
      }
    };
  }

  /** The function that sends a request's log lines with `notify`, from the client's level on. */
  logWith(
    request: Pick<ServerContext["mcpReq"], "notify" | "envelope">,
    sessionId?: string,
  ): ServerContext["mcpReq"]["log"] {
    const mcpReq = request as ServerContext["mcpReq"];
    return this.buildContext({ mcpReq, ...(sessionId && { sessionId }) }).mcpReq.log;
  }

  /** A tool's result as its era sends it. */
  encoded(result: CallToolResult): CallToolResult {
    const info = this._outboundServerInfo();
    return this._wireCodec().encodeResult("tools/call", result, info) as CallToolResult;
  }
}

type Wrapping = Parameters<Server["_wrapHandler"]>;

/** A server that is not connected yet. Building it is cheap: the tools' schemas were prepared once. */
export function createServer(
  parts: McpServerOptions,
  callerOf: CallerOf,
  {
    era = "legacy",
    outcomeOf = () => undefined,
    ...options
  }: Pick<ServerOptions, "supportedProtocolVersions"> & {
    era?: "legacy" | "modern";
    outcomeOf?: OutcomeOf;
  } = {},
): PlainServer {
  const { info, registry } = parts;
  const changing = registry.changes ? { listChanged: true } : {};
  const server = new PlainServer(info, {
    capabilities: {
      tools: changing,
      logging: {},
      resources: { subscribe: true, ...changing },
      prompts: changing,
      completions: {},
    },
    instructions: INSTRUCTIONS,
    cacheHints: cacheHints(registry),
    ...options,
  });
  const offer = { server, parts, callerOf };
  offerSkill(server);
  offerTools(offer, outcomeOf);
  offerResources(offer);
  offerSubscriptions(offer);
  offerPrompts(offer);
  if (era === "modern")
    offerTasks(server, parts.tasks, callerOf, (method, context, answer) =>
      guarded(offer, { method }, context, answer),
    );
  return server;
}

/** A server under construction. */
interface Offer {
  server: Server;
  parts: McpServerOptions;
  callerOf: CallerOf;
}

/** Runs a handler, and turns its error into one that the caller may see. */
async function guarded<T>(
  { parts, callerOf }: Offer,
  { method, params }: { method: string; params?: unknown },
  context: ServerContext,
  answer: () => T | Promise<T>,
): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof ProtocolError || context.mcpReq.signal.aborted) throw error;
    const { mcpReq } = context;
    const caller = callerOf(context);
    throw parts.requestLog.failed(error, {
      method,
      program: programOf(mcpReq, caller),
      principal: caller.principal.id,
      request: caller.requestId,
      args: params,
    });
  }
}

function offerTools({ server, parts: { registry }, callerOf }: Offer, outcomeOf: OutcomeOf): void {
  server.setRequestHandler(
    "tools/list",
    unpaged((context) => ({ tools: [...registry.list(callerOf(context))] })),
  );
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const caller = callerOf(context);
    const call = (): Promise<Settled> =>
      registry.call(params.name, params.arguments, { caller, channel: channelOf(context, caller) });
    const result = await (outcomeOf(context) ?? call());
    return asked(params.name, result, caller) as CallToolResult; // or a task, which the SDK lets pass
  });
}

function offerResources(offer: Offer): void {
  const { server, parts, callerOf } = offer;
  const { resources } = parts;
  server.setRequestHandler("resources/list", (request, context) =>
    guarded(offer, request, context, async () => ({
      ...(await resources.list(
        callerOf(context).principal,
        context.mcpReq.signal,
        request.params?.cursor || undefined,
      )),
    })),
  );
  server.setRequestHandler(
    "resources/templates/list",
    unpaged((context) => ({
      resourceTemplates: resources.templates(callerOf(context).principal),
    })),
  );
  server.setRequestHandler("resources/read", (message, context) =>
    guarded(offer, message, context, () => {
      const caller = callerOf(context);
      const { client, signal, request } = channelOf(context, caller);
      const asking = { principal: caller.principal, client, signal, request };
      return resources.read(message.params.uri, asking);
    }),
  );
}

function offerSubscriptions(offer: Offer): void {
  const { server, parts, callerOf } = offer;
  const { subscriptions } = parts;
  /** The client's id, which only an initialized client has; other callers cannot receive change notifications. */
  const clientIdOf = (context: ServerContext): string => {
    const { client } = callerOf(context);
    if (client === undefined)
      throw new ProtocolError(ProtocolErrorCode.MethodNotFound, "Method not found");
    return client.id;
  };
  server.setRequestHandler("resources/subscribe", (request, context) =>
    guarded(offer, request, context, async () => {
      const { uri } = request.params;
      if (isLongUri(uri)) throw new AppError("invalid", `uri: at most ${MAX_URI_BYTES} bytes.`);
      await subscriptions.subscribe(clientIdOf(context), [uri], MAX_SUBSCRIPTIONS);
      return {};
    }),
  );
  server.setRequestHandler("resources/unsubscribe", (request, context) =>
    guarded(offer, request, context, async () => {
      await subscriptions.unsubscribe(clientIdOf(context), [request.params.uri]);
      return {};
    }),
  );
}

/** Prompts, and the completion of their arguments and of the variables of resources. */
function offerPrompts(offer: Offer): void {
  const { server, parts, callerOf } = offer;
  const { prompts, resources } = parts;
  server.setRequestHandler(
    "prompts/list",
    unpaged((context) => ({ prompts: prompts.list(callerOf(context).principal) })),
  );
  server.setRequestHandler("prompts/get", (request, context) => {
    const caller = callerOf(context);
    const asking = { principal: caller.principal, caller, ...channelOf(context, caller) };
    return guarded(offer, request, context, () =>
      prompts.get(request.params.name, request.params.arguments ?? {}, asking).then((result) => {
        if (!isInputRequiredResult(result) || caller.noQuestions === undefined) return result;
        const message = `${request.params.name} has a question for its caller, but ${caller.noQuestions}`;
        throw new RequestError("invalid_request", message);
      }),
    );
  });
  server.setRequestHandler("completion/complete", (request, context) => {
    const { ref, argument, context: given } = request.params;
    const asking = { principal: callerOf(context).principal, given: given?.arguments ?? {} };
    return guarded(offer, request, context, () =>
      ref.type === "ref/prompt"
        ? prompts.complete(ref.name, argument, asking)
        : resources.complete(ref.uri, argument, asking),
    );
  });
}

/** Serves a list in one page, and refuses every cursor. */
const unpaged =
  <Result>(list: (context: ServerContext) => Result) =>
  (
    { params }: { params?: { cursor?: string | undefined } | undefined },
    context: ServerContext,
  ): Result => {
    if (params?.cursor) throw wrongCursor();
    return list(context);
  };
