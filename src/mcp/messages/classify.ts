// The era of a POST, and the check that it is JSON-RPC. Delegates to the SDK's classifier, except for plain requests,
// which it checks last and slowly.
import {
  classifyInboundRequest,
  type InboundClassificationOutcome,
  isJSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
} from "@modelcontextprotocol/server";
import { MODERN_VERSION } from "../initialize.ts";

/** The headers that must agree with the message. */
export interface MessageHeaders {
  /** `Mcp-Session-Id`, a header of the 2025 era. */
  session: string | undefined;
  protocolVersion: string | undefined;
  method: string | undefined;
  name: string | undefined;
}

export function classify(
  { session, protocolVersion: claimed, method, name }: MessageHeaders,
  body: unknown,
): InboundClassificationOutcome {
  // Treat a client with an `Mcp-Session-Id` or an `initialize` as 2025-era, whatever its version header claims: it may
  // have tried a newer revision before, or know one that this server does not.
  const isEarlier = (session !== undefined || isIntroduction(body)) && !claimsRevision(body);
  const protocolVersion = isEarlier ? undefined : claimed;
  if ((isEarlier || isOlder(protocolVersion)) && isPlainRequest(body))
    return { kind: "legacy", reason: "no-claim" };
  return classifyInboundRequest({
    httpMethod: "POST",
    protocolVersionHeader: protocolVersion,
    mcpMethodHeader: method,
    mcpNameHeader: name,
    body,
  });
}

const isOlder = (protocolVersion: string | undefined): boolean =>
  protocolVersion !== undefined && protocolVersion < MODERN_VERSION;

const claimsRevision = (body: unknown): boolean => {
  const meta = (body as { params?: { _meta?: unknown } } | null)?.params?._meta;
  return typeof meta === "object" && meta !== null && PROTOCOL_VERSION_META_KEY in meta;
};

const isIntroduction = (body: unknown): boolean =>
  (body as { method?: unknown } | null)?.method === "initialize";

/** True for a request that does not claim 2026-07-28. `initialize` is left to the SDK. */
const isPlainRequest = (body: unknown): boolean =>
  (isUsual(body) || isJSONRPCRequest(body)) && !isIntroduction(body) && !claimsRevision(body);

const MEMBERS: readonly string[] = ["jsonrpc", "id", "method", "params"];

/** True for what the SDK's schema lets pass whatever its params hold: they have no metadata. */
function isUsual(body: unknown): boolean {
  const { jsonrpc, id, method, params } = (body ?? {}) as Record<string, unknown>;
  return (
    jsonrpc === "2.0" &&
    (typeof id === "string" || Number.isSafeInteger(id)) &&
    typeof method === "string" &&
    typeof params === "object" &&
    params !== null &&
    !Array.isArray(params) &&
    !("_meta" in params) &&
    Object.keys(body as object).every((member) => MEMBERS.includes(member))
  );
}
