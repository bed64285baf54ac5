// JSON-RPC over HTTP: reading messages strictly and answering errors in one shape.
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId,
} from "@modelcontextprotocol/server";

export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  invalidParams: -32602,
  internal: -32603,
  /** The range for servers' own errors: what is wrong with the HTTP request around the message. */
  server: -32000,
  sessionNotFound: -32001,
} as const;

/** A JSON-RPC error as an HTTP answer. */
export function rpcError(
  status: number,
  code: number,
  message: string,
  options: { id?: RequestId | null; headers?: Record<string, string> } = {},
): Response {
  const { id = null, headers = {} } = options;
  const body = JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export function isMessage(value: unknown): value is JSONRPCMessage {
  return (
    isJSONRPCRequest(value) ||
    isJSONRPCNotification(value) ||
    isJSONRPCResultResponse(value) ||
    isJSONRPCErrorResponse(value)
  );
}

/** Whether a client understands priming events: before 2025-11-25 they choke on an event without data. */
export const primes = ({ protocolVersion }: { protocolVersion: string }): boolean =>
  protocolVersion >= "2025-11-25";
