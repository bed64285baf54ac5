// Which era a POST belongs to, and whether it is JSON-RPC at all: what the SDK's classifier says, without asking it about
// the message that nearly all are. It tries a message as every kind there is, most likely last.
import {
  classifyInboundRequest,
  isJSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  type InboundClassificationOutcome,
} from "@modelcontextprotocol/server";
import { MODERN_VERSION } from "../initialize.ts";

/** The headers that a message must agree with. */
export interface MessageHeaders {
  /** `Mcp-Session-Id`, which only the 2025 era has. */
  session: string | undefined;
  protocolVersion: string | undefined;
  method: string | undefined;
  name: string | undefined;
}

export function classify(
  { session, protocolVersion: claimed, method, name }: MessageHeaders,
  body: unknown,
): InboundClassificationOutcome {
  // A client that carries its id, or introduces itself, is of the 2025 era whatever its header claims: it may have asked
  // for a newer revision before, or know one that this server does not.
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

/** A request of the 2025 era, by its header and by what it does not claim. An introduction tells its era itself. */
function isEarlierRequest(protocolVersion: string | undefined, body: unknown): boolean {
  if (protocolVersion === undefined || protocolVersion >= MODERN_VERSION) return false;
  if (!isJSONRPCRequest(body) || body.method === "initialize") return false;
  const meta = body.params?._meta;
  return meta === undefined || !(PROTOCOL_VERSION_META_KEY in meta);
}
