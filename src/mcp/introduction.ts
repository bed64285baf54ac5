// What a request says about the program that sends it: an `initialize`, or the envelope of 2026-07-28.
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type Implementation,
  type InitializeRequest,
  type JSONRPCRequest,
} from "@modelcontextprotocol/server";
import { newId } from "../kernel/ids.ts";
import type { Client } from "../sessions/session.ts";

/** The revision without sessions and handshake. */
export const STATELESS_VERSION = "2026-07-28";

/** The levels of RFC 5424 that `logging/setLevel` knows. */
export const LOG_LEVELS = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];

export const isLogLevel = (level: unknown): level is string =>
  typeof level === "string" && LOG_LEVELS.includes(level);

/** The client of an `initialize` request that the SDK has accepted. */
export function introducedClient(
  request: JSONRPCRequest,
  {
    id,
    owner,
    protocolVersion,
    now,
  }: { id: string; owner: string; protocolVersion: string; now: number },
): Client {
  const { capabilities, clientInfo } = request.params as unknown as InitializeRequest["params"];
  return {
    id,
    owner,
    protocolVersion,
    sessionId: null,
    name: clientInfo.name,
    version: clientInfo.version,
    capabilities: capabilities as Record<string, unknown>,
    initialize: { method: request.method, params: request.params },
    logLevel: null,
    createdAt: now,
    lastSeenAt: now,
    presentUntil: 0,
    endedAt: null,
  };
}

/** The client behind a `subscriptions/listen`. Nobody can come back to it: it ends with its connection. */
export function listeningClient(
  { params }: JSONRPCRequest,
  { owner, now }: { owner: string; now: number },
): Client {
  const meta = params?._meta ?? {};
  const program = meta[CLIENT_INFO_META_KEY] as Implementation | undefined;
  return {
    id: newId(),
    owner,
    protocolVersion: STATELESS_VERSION,
    sessionId: null,
    name: program?.name ?? "unknown",
    version: program?.version ?? "unknown",
    capabilities: (meta[CLIENT_CAPABILITIES_META_KEY] ?? {}) as Record<string, unknown>,
    initialize: {},
    logLevel: null,
    createdAt: now,
    lastSeenAt: 0, // only its connection keeps it alive
    presentUntil: 0,
    endedAt: null,
  };
}
