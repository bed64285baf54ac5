// The SDK's `Server` over the tool registry, the same for every transport and every client.
import { inspect } from "node:util";
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  isInputRequiredResult,
  PROTOCOL_VERSION_META_KEY,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
  type ServerOptions,
} from "@modelcontextprotocol/server";
import { type CallingProgram, requestInfo } from "../definitions/request.ts";
import { wrongCursor } from "../lib/cursor.ts";
import { AppError } from "../lib/errors.ts";
import { findJsonFault } from "../lib/json/json-fault.ts";
import type { PromptRegistry } from "../prompts/registry.ts";
import { RequestError } from "../protocol/errors.ts";
import type { ResourceRegistry } from "../resources/registry.ts";
import type { Caller } from "../sessions/session.ts";
import { failure } from "../tools/call-result.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { REQUEST_KEY_META } from "../tools/request-key.ts";
import type { CallChannel } from "../tools/session/context.ts";
import type { TaskAccess } from "../tools/tasks/task-access.ts";
import type { SubscriptionStore } from "../updates/store.ts";
import type { RequestLog } from "./calls/request-log.ts";
import { isLogLevel } from "./initialize.ts";
import { readable } from "./messages/faults.ts";
import { checkDeclared } from "./scopes.ts";
import { offerSkill } from "./skill.ts";
import { offerTasks, takesTasks } from "./tasks.ts";

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
export const MAX_URI_BYTES = 4_096;

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

/** A server with readable errors that refuses a handler for a method without a scope. */
class PlainServer extends Server {
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
}

type Wrapping = Parameters<Server["_wrapHandler"]>;

/** A server that is not connected yet. Building it is cheap: the tools' schemas were prepared once. */
export function createServer(
  parts: McpServerOptions,
  callerOf: CallerOf,
  {
    era = "legacy",
    ...options
  }: Pick<ServerOptions, "supportedProtocolVersions"> & { era?: "legacy" | "modern" } = {},
): Server {
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
  offerTools(offer);
  offerResources(offer);
  offerSubscriptions(offer);
  offerPrompts(offer);
  if (era === "modern") offerTasks(server, parts.tasks, callerOf);
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

function offerTools({ server, parts: { registry }, callerOf }: Offer): void {
  server.setRequestHandler(
    "tools/list",
    unpaged((context) => ({ tools: [...registry.list(callerOf(context))] })),
  );
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const caller = callerOf(context);
    const result = await registry.call(params.name, params.arguments, {
      caller,
      channel: channelOf(context, caller),
    });
    const { noQuestions } = caller;
    return isInputRequiredResult(result) && noQuestions !== undefined
      ? failure(`${params.name} has a question for its caller, but ${noQuestions}`, "invalid")
      : (result as CallToolResult); // or a task, which the SDK lets pass
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

function offerSubscriptions({ server, parts: { subscriptions }, callerOf }: Offer): void {
  /** The client's id, which only an initialized client has; other callers cannot receive change notifications. */
  const clientIdOf = (context: ServerContext): string => {
    const { client } = callerOf(context);
    if (client === undefined)
      throw new ProtocolError(ProtocolErrorCode.MethodNotFound, "Method not found");
    return client.id;
  };
  server.setRequestHandler("resources/subscribe", async ({ params: { uri } }, context) => {
    if (Buffer.byteLength(uri) > MAX_URI_BYTES)
      throw new AppError("invalid", `uri: at most ${MAX_URI_BYTES} bytes.`);
    await subscriptions.subscribe(clientIdOf(context), [uri], MAX_SUBSCRIPTIONS);
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", async ({ params: { uri } }, context) => {
    await subscriptions.unsubscribe(clientIdOf(context), [uri]);
    return {};
  });
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

function channelOf({ mcpReq, http }: ServerContext, caller: Caller): CallChannel {
  const progressToken = mcpReq._meta?.progressToken;
  let furthest = -Infinity;
  return {
    signal: mcpReq.signal,
    client: programOf(mcpReq, caller),
    request: requestInfo(mcpReq._meta, caller.headers),
    requestKey: requestKeyOf(mcpReq),
    inputResponses: mcpReq.inputResponses,
    requestState: mcpReq.requestState,
    async log(level, data) {
      if (isLogLevel(level)) await mcpReq.log(level, loggable(data)).catch(gone);
    },
    closeStream: () => http?.closeSSE?.(),
    taskSupport: taskSupportOf(mcpReq),
    async progress(progress, total, message) {
      // Drop progress that is no number, which strict clients take for a broken connection, and progress that does not
      // grow.
      if (progressToken === undefined || !(Number.isFinite(progress) && progress > furthest))
        return;
      furthest = progress;
      const params = {
        progressToken,
        progress,
        ...(Number.isFinite(total) && { total }),
        ...(typeof message === "string" && { message }),
      };
      await mcpReq.notify({ method: "notifications/progress", params }).catch(gone);
    },
  };
}

/** Only 2026-07-28 has tasks, for those who declare the extension with the call. */
function taskSupportOf({ envelope }: ServerContext["mcpReq"]): CallChannel["taskSupport"] {
  if (envelope === undefined) return undefined;
  return takesTasks(envelope) ? "taken" : "refused";
}

/** The data if JSON can hold it, else its text. */
function loggable(data: unknown): unknown {
  return findJsonFault(data) === undefined ? data : data === undefined ? null : inspect(data);
}

/** The calling program: 2026-07-28 clients name it in each request, legacy clients in `initialize`. */
function programOf(
  { envelope }: ServerContext["mcpReq"],
  { client }: Caller,
): CallingProgram | undefined {
  if (envelope === undefined) return client;
  const meta: Record<string, unknown> = envelope;
  const info = (meta[CLIENT_INFO_META_KEY] ?? {}) as Partial<Implementation>;
  return {
    name: info.name ?? "unknown",
    version: info.version ?? "unknown",
    protocolVersion: meta[PROTOCOL_VERSION_META_KEY] as string,
    capabilities: meta[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities,
  };
}

function requestKeyOf({ _meta }: ServerContext["mcpReq"]): string | undefined {
  const key = _meta?.[REQUEST_KEY_META];
  if (key === undefined || key === "") return undefined;
  if (typeof key === "string") return key;
  throw new AppError("invalid", `${REQUEST_KEY_META}: expected text.`);
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

/** Ignores a failed notification: progress and logs must not fail the call, awaited or not. */
const gone = (): void => undefined;
