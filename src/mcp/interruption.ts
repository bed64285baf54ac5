// Which requests may last, and what becomes of one whose process stops or dies: it is run again where its tool declares
// that to be safe, else it ends with an error.
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/server";
import type { ToolRegistry } from "../tools/registry.ts";
import { RPC } from "./rpc.ts";

/** A request, as far as these decisions need it. */
export interface Interruptible {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** Whether a request is answered without waiting on anything outside the process. */
export const isQuick = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.isQuick(params?.["name"]);

/** Whether a request's answer is worth a stream that can be resumed: everything else is asked for again. */
export const mayWait = (request: Interruptible, registry: ToolRegistry): boolean =>
  request.method === "tools/call" && !isQuick(request, registry);

export const mayRunAgain = ({ method, params }: Interruptible, registry: ToolRegistry): boolean =>
  method === "tools/call" && registry.isIdempotent(params?.["name"]);

export const interrupted = (id: RequestId): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: {
    code: RPC.internal,
    message: "The server was interrupted while it worked on this request. Try again.",
    data: { interrupted: true, retryable: true },
  },
});
