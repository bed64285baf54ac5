// The contents of an `initialize` request.
import type { InitializeRequest, JSONRPCRequest } from "@modelcontextprotocol/server";
import { credentialsOf, type Principal } from "../auth/principal.ts";
import { newId } from "../lib/ids.ts";
import { RequestError } from "../protocol/errors.ts";
import type { Client } from "../sessions/session.ts";

/** The revision without sessions and handshake. */
export const MODERN_VERSION = "2026-07-28";

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

/** Maximum size of a client's `initialize` parameters, which are stored and kept in memory while the client is live. */
const MAX_INTRODUCTION_BYTES = 64_000;

/**
 * Refuses a program's introduction, which is stored, if it is too large.
 * @throws RequestError `invalid_params`
 */
export function checkIntroduction(request: JSONRPCRequest, introduction: unknown): void {
  if (Buffer.byteLength(JSON.stringify(introduction ?? null)) <= MAX_INTRODUCTION_BYTES) return;
  const fault = `A program's introduction has at most ${MAX_INTRODUCTION_BYTES} bytes.`;
  throw new RequestError("invalid_params", fault, { request });
}

/** The client of an `initialize` request that the SDK has accepted. */
export function clientFromInitialize(
  request: JSONRPCRequest,
  {
    id,
    principal,
    protocolVersion,
    now,
  }: { id: string; principal: Principal; protocolVersion: string; now: number },
): Client {
  const { capabilities, clientInfo } = request.params as unknown as InitializeRequest["params"];
  return {
    id,
    ...clientFromMeta(principal),
    protocolVersion,
    ownSessionId: newId(),
    sessionId: null,
    name: clientInfo.name,
    version: clientInfo.version,
    capabilities: capabilities,
    initialize: { method: request.method, params: request.params },
    logLevel: null,
    createdAt: now,
    lastSeenAt: now,
    presentUntil: 0,
    endedAt: null,
  };
}

/** The fields of a client that come from its principal. */
export const clientFromMeta = (
  principal: Principal,
): Pick<Client, "owner" | "credentials" | "scope"> => ({
  owner: principal.id,
  credentials: credentialsOf(principal),
  scope: principal.scope ?? null,
});
