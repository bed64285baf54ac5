// Calls of tools that need not pass through the SDK's `Protocol`, which takes each for an answer first and parses it five times
// (bench/README.md). Whatever is unusual in a call or its outcome is left to the SDK, which checks and refuses it in its own words.
import {
  type CallToolResult,
  type JSONRPCRequest,
  type RequestMeta,
} from "@modelcontextprotocol/server";
import { REQUEST_KEY_META } from "../../tools/request-key.ts";
import type { Settled } from "../../tools/results.ts";

/** A request that the SDK's schema of `tools/call` lets pass as it is. */
export interface PlainCall extends JSONRPCRequest {
  params: { name: string; arguments?: Record<string, unknown>; _meta?: RequestMeta };
}

const FIELDS: readonly string[] = ["name", "arguments", "_meta"];

/** `request`: valid JSON-RPC. */
export function isPlainCall(request: JSONRPCRequest): request is PlainCall {
  const { method, params } = request;
  if (method !== "tools/call" || params === undefined) return false;
  const { name, arguments: args, _meta } = params;
  return (
    typeof name === "string" &&
    Object.keys(params).every((field) => FIELDS.includes(field)) &&
    (args === undefined || (isObject(args) && !Object.hasOwn(args, "__proto__"))) &&
    (_meta === undefined || (isObject(_meta) && isPlainMeta(_meta)))
  );
}

/** True without the protocol's own keys, but for the token of progress. */
function isPlainMeta(meta: Record<string, unknown>): boolean {
  const { progressToken: token, [REQUEST_KEY_META]: key } = meta;
  return (
    (token === undefined || typeof token === "string" || Number.isSafeInteger(token)) &&
    (key === undefined || typeof key === "string") &&
    !Object.keys(meta).some((key) => key === "__proto__" || key.startsWith(RESERVED))
  );
}

const RESERVED = "io.modelcontextprotocol/";

/** True for a result that the SDK's schema lets pass as it is: text, and maybe structured content. */
export const isPlainResult = (result: Settled): result is CallToolResult =>
  Array.isArray(result["content"]) &&
  result["resultType"] === undefined &&
  (result as CallToolResult).content.every(isText);

const isText = (block: CallToolResult["content"][number]): boolean =>
  block.type === "text" && Object.keys(block).length === 2;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
