// Which requests may last, and what becomes of one whose process stops or dies: it is run again where its tool declares
// that to be safe. Any other tool call ends with a result, for an error would make programs repeat it by themselves.
import {
  PROTOCOL_VERSION_META_KEY,
  type JSONRPCMessage,
  type RequestId,
} from "@modelcontextprotocol/server";
import { interruptedError } from "../../lib/errors.ts";
import { failure, type ToolRegistry } from "../../tools/registry.ts";
import { RPC } from "../../protocol/json-rpc.ts";

/** A request, as far as these decisions need it. */
export interface Interruptible {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** Whether a request is one of 2026-07-28: each of these says so. */
export function isModern({ params }: Interruptible): boolean {
  const meta = params?.["_meta"] as Record<string, unknown> | null | undefined;
  return meta?.[PROTOCOL_VERSION_META_KEY] !== undefined;
}

/** Whether a request is answered without waiting on anything outside the process. */
export const isQuick = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.isQuick(params?.["name"]);

/** Whether a request's answer is worth a stream that can be resumed: everything else is asked for again. */
export const mayWait = (request: Interruptible, registry: ToolRegistry): boolean =>
  request.method === "tools/call" && !isQuick(request, registry);

export const mayRunAgain = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.isIdempotent(params?.["name"]);

/** The answer to a request that was cut short. */
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

/** A result of 2026-07-28 says of what type it is. */
function interruptedResult(request: Interruptible) {
  const { advice, code } = interruptedError();
  return { ...failure(advice, code), ...(isModern(request) && { resultType: "complete" }) };
}
