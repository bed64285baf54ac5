// The era of a POST, and the check that it is JSON-RPC. Delegates to the SDK's classifier, except for plain requests,
// which it checks last and slowly.
import {
  classifyInboundRequest,
  isJSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  type InboundClassificationOutcome,
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
  const protocolVersion =
    (session !== undefined || isIntroduction(body)) && !claimsRevision(body) ? undefined : claimed;
  if (isEarlierRequest(protocolVersion, body)) return { kind: "legacy", reason: "no-claim" };
  return classifyInboundRequest({
    httpMethod: "POST",
    protocolVersionHeader: protocolVersion,
    mcpMethodHeader: method,
    mcpNameHeader: name,
    body,
  });
}

const claimsRevision = (body: unknown): boolean => {
  const meta = (body as { params?: { _meta?: unknown } } | null)?.params?._meta;
  return typeof meta === "object" && meta !== null && PROTOCOL_VERSION_META_KEY in meta;
};

const isIntroduction = (body: unknown): boolean =>
  (body as { method?: unknown } | null)?.method === "initialize";

/**
 * True for a plain 2025-era request: an older version header and no claim of 2026-07-28. `initialize` is left to the
 * SDK.
 */
function isEarlierRequest(protocolVersion: string | undefined, body: unknown): boolean {
  if (protocolVersion === undefined || protocolVersion >= MODERN_VERSION) return false;
  if (!isJSONRPCRequest(body) || body.method === "initialize") return false;
  const meta = body.params?._meta;
  return meta === undefined || !(PROTOCOL_VERSION_META_KEY in meta);
}
