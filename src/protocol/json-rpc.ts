// JSON-RPC: error codes and type guards.
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResultResponse,
  RequestId,
} from "@modelcontextprotocol/server";
import type { List } from "../updates/delivery.ts";

export const RPC = {
  parseError: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The range for servers' own errors: faults in the HTTP request around the message. */
  server: -32000,
  sessionNotFound: -32001,
  resourceNotFound: -32002,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

export const listChangedNotice = (list: List): JSONRPCNotification => ({
  jsonrpc: "2.0",
  method: `notifications/${list}/list_changed`,
});

type Answer = JSONRPCResultResponse | JSONRPCErrorResponse;

// Type guards for already validated messages; the SDK's guards would validate again.
export const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest =>
  "method" in message && "id" in message;
export const isNotification = (message: JSONRPCMessage): message is JSONRPCNotification =>
  "method" in message && !("id" in message);
export const isAnswer = (message: JSONRPCMessage): message is Answer => !("method" in message);

/** The id to answer a message under, if it is readable. */
export function requestIdOf(message: unknown): RequestId | null {
  if (typeof message !== "object" || message === null || !("id" in message)) return null;
  const { id } = message;
  return typeof id === "string" || Number.isSafeInteger(id) ? (id as RequestId) : null;
}

/** True for clients that understand priming events; before 2025-11-25 they fail on an event without data. */
export const primes = ({ protocolVersion }: { protocolVersion: string }): boolean =>
  protocolVersion >= "2025-11-25";
