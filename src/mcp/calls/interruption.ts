// Interrupted requests. If the process stops or dies, a request runs again when its tool declares that to be safe. Any
// other tool call ends with a result: an error would make clients repeat the call by themselves.
import {
  type JSONRPCMessage,
  PROTOCOL_VERSION_META_KEY,
  type RequestId,
} from "@modelcontextprotocol/server";
import { interruptedError } from "../../lib/errors.ts";
import { RPC } from "../../protocol/json-rpc.ts";
import { failure } from "../../tools/call-result.ts";
import type { ToolRegistry } from "../../tools/registry.ts";

/** The part of a request that these decisions use. */
export interface Interruptible {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** True for a request of 2026-07-28, which always names its revision. */
export function isModern({ params }: Interruptible): boolean {
  const meta = params?.["_meta"] as Record<string, unknown> | null | undefined;
  return meta?.[PROTOCOL_VERSION_META_KEY] !== undefined;
}

/** True for a request that waits on nothing outside the process. */
export const answersInJson = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.answersInJson(params?.["name"]);

/** True for a request whose answer needs a resumable stream. Clients simply send any other request again. */
export const mayWait = (request: Interruptible, registry: ToolRegistry): boolean =>
  request.method === "tools/call" && !answersInJson(request, registry);

export const mayRunAgain = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.isIdempotent(params?.["name"]);

/** The answer to an interrupted request. */
export const interrupted = (request: Interruptible & { id: RequestId }): JSONRPCMessage =>
  request.method === "tools/call"
    ? { jsonrpc: "2.0", id: request.id, result: interruptedResult(request) }
    : {
        jsonrpc: "2.0",
        id: request.id,
        error: {
          code: RPC.internal,
          message: "The server was interrupted while it worked on this request. Try again.",
          data: { interrupted: true, retryable: true },
        },
      };

/** The result of an interrupted tool call; 2026-07-28 requires its type. */
function interruptedResult(request: Interruptible) {
  const { advice, code } = interruptedError();
  return { ...failure(advice, code), ...(isModern(request) && { resultType: "complete" }) };
}
