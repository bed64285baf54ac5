// Calls of tools that need not pass through the SDK's `Protocol`, which takes each for an answer first and parses it five times
// (bench/README.md). Whatever is unusual in a call or its outcome is left to the SDK, which checks and refuses it in its own words.
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type JSONRPCRequest,
  type JSONRPCResultResponse,
  type MessageExtraInfo,
  type Notification,
  PROTOCOL_VERSION_META_KEY,
  type RequestMeta,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { isObject } from "../../lib/json/objects.ts";
import type { Caller } from "../../sessions/session.ts";
import type { ToolRegistry } from "../../tools/registry.ts";
import { REQUEST_KEY_META } from "../../tools/request-key.ts";
import type { Settled } from "../../tools/results.ts";
import type { PlainServer } from "../server.ts";
import { channelOf } from "./channel.ts";

/** A request that the SDK's schema of `tools/call` lets pass as it is. */
export interface PlainCall extends JSONRPCRequest {
  params: { name: string; arguments?: Record<string, unknown>; _meta?: RequestMeta };
}

/** A call of a tool in progress. */
export interface CallInProgress {
  caller: Caller;
  /** Aborts a call that began without the SDK. */
  abort?: AbortController;
  /** The outcome of such a call, which the SDK shall send. */
  outcome?: Promise<Settled> | undefined;
}

/** The outcome, once: further rounds of the call run in the SDK. */
export function takeOutcome(call: CallInProgress): Promise<Settled> | undefined {
  const { outcome } = call;
  call.outcome = undefined;
  return outcome;
}

const FIELDS: readonly string[] = ["name", "arguments", "_meta"];

/** `request`: valid JSON-RPC; in the modern era, with a valid envelope. */
export function isPlainCall(
  request: JSONRPCRequest,
  era: "legacy" | "modern",
): request is PlainCall {
  const { method, params } = request;
  if (method !== "tools/call" || params === undefined) return false;
  const { name, arguments: args, _meta } = params;
  return (
    typeof name === "string" &&
    Object.keys(params).every((field) => FIELDS.includes(field)) &&
    (args === undefined || (isObject(args) && !Object.hasOwn(args, "__proto__"))) &&
    (_meta === undefined || (isObject(_meta) && isPlainMeta(_meta, era)))
  );
}

const RESERVED = "io.modelcontextprotocol/";
const ENVELOPE: readonly string[] = [
  ...[PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY],
  `${RESERVED}logLevel`,
];

/** True without keys of the protocol's own, but for the token of progress and the envelope of the modern era. */
function isPlainMeta(meta: Record<string, unknown>, era: "legacy" | "modern"): boolean {
  const { progressToken: token, [REQUEST_KEY_META]: key } = meta;
  const isReserved = (name: string): boolean =>
    name === "__proto__" ||
    (name.startsWith(RESERVED) && !(era === "modern" && ENVELOPE.includes(name)));
  return (
    (token === undefined || typeof token === "string" || Number.isSafeInteger(token)) &&
    (key === undefined || typeof key === "string") &&
    !Object.keys(meta).some(isReserved)
  );
}

type McpRequest = ServerContext["mcpReq"];

export interface PlainCallOptions {
  server: PlainServer;
  registry: ToolRegistry;
  sessionId?: string;
  era: "legacy" | "modern";
  extra: MessageExtraInfo;
  notify(notification: Notification): Promise<void>;
}

/** The metadata without the envelope, and the envelope. */
function lifted(meta: Record<string, unknown> = {}): Pick<McpRequest, "_meta" | "envelope"> {
  const entries = Object.entries(meta);
  const isOfEnvelope = ([name]: [string, unknown]): boolean => ENVELOPE.includes(name);
  return {
    _meta: Object.fromEntries(entries.filter((entry) => !isOfEnvelope(entry))),
    envelope: Object.fromEntries(entries.filter(isOfEnvelope)),
  };
}

/** Runs a call; resolves to its answer if that is plain, else to undefined, and `call` has the outcome. */
export async function runPlainCall(
  { id, params }: PlainCall,
  call: CallInProgress,
  { server, registry, sessionId, era, extra, notify }: PlainCallOptions,
): Promise<JSONRPCResultResponse | undefined> {
  const { caller } = call;
  const { signal } = (call.abort = new AbortController());
  const { _meta, envelope } =
    era === "modern" ? lifted(params._meta) : { _meta: params._meta, envelope: undefined };
  const mcpReq = {
    ...{ _meta, envelope, signal, notify, requestState: () => undefined },
    log: (...line: Parameters<McpRequest["log"]>) =>
      server.logWith({ notify, envelope }, sessionId)(...line),
  };
  const channel = channelOf({ mcpReq, http: { closeSSE: extra.closeSSEStream } }, caller);
  const outcome = registry.call(params.name, params.arguments, { caller, channel });
  try {
    const result = await outcome;
    if (isPlainResult(result)) return { result: server.encoded(result), jsonrpc: "2.0", id };
  } catch {
    // The SDK answers it.
  }
  call.outcome = outcome;
  return undefined;
}

/** True for a result that the SDK's schema lets pass as it is: text, and maybe structured content. */
const isPlainResult = (result: Settled): result is CallToolResult =>
  Array.isArray(result["content"]) &&
  result["resultType"] === undefined &&
  (result._meta === undefined || isPlainMeta(result._meta, "legacy")) &&
  result.content.every(isText);

const isText = (block: CallToolResult["content"][number]): boolean =>
  block.type === "text" && Object.keys(block).length === 2;
