// JSON-RPC over HTTP: the codes, and errors in one shape.
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResultResponse,
  RequestId,
} from "@modelcontextprotocol/server";
import { toJson } from "../lib/json/json.ts";
import type { List } from "../updates/delivery.ts";

export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The range for servers' own errors: what is wrong with the HTTP request around the message. */
  server: -32000,
  sessionNotFound: -32001,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** A JSON-RPC error as an HTTP answer. */
export function rpcError(
  status: number,
  code: number,
  message: string,
  options: { id?: RequestId | null; headers?: Record<string, string>; data?: unknown } = {},
): Response {
  const { id = null, headers = {}, data } = options;
  const body = toJson({ jsonrpc: "2.0", id, error: { code, message, data } });
  return new Response(body, {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
}

export const listChangedNotice = (list: List): JSONRPCNotification => ({
  jsonrpc: "2.0",
  method: `notifications/${list}/list_changed`,
});

type Answer = JSONRPCResultResponse | JSONRPCErrorResponse;

// What kind a message is that has been checked already, at the door or by the SDK. The SDK's own guards check it again.
export const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  "method" in message && "id" in message;
export const isNotification = (message: JSONRPCMessage): message is JSONRPCNotification =>
  "method" in message && !("id" in message);
export const isAnswer = (message: JSONRPCMessage): message is Answer => !("method" in message);

/** The id to answer a message under, as far as it can be read. */
export function requestIdOf(message: unknown): RequestId | null {
  if (typeof message !== "object" || message === null || !("id" in message)) return null;
  const { id } = message;
  return typeof id === "string" || Number.isSafeInteger(id) ? (id as RequestId) : null;
}

/** Whether a client understands priming events: before 2025-11-25 they choke on an event without data. */
export const primes = ({ protocolVersion }: { protocolVersion: string }): boolean =>
  protocolVersion >= "2025-11-25";
