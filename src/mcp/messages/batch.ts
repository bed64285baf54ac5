// JSON-RPC batches: several messages in one body or line, as revisions up to 2025-03-26 allow.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isRequest } from "../../protocol/json-rpc.ts";

/** The last revision with batches. */
const LAST_WITH_BATCHES = "2025-03-26";
export const MAX_BATCH = 100;

/** The reason to refuse a batch; undefined for a valid one. */
export function batchFault(messages: readonly JSONRPCMessage[]): string | undefined {
  if (messages.length > MAX_BATCH) return `A batch has at most ${MAX_BATCH} messages.`;
  const ids = messages.filter(isRequest).map(({ id }) => id);
  if (new Set(ids).size < ids.length) return "Two requests of this batch have the same id.";
  return messages.some((message) => "method" in message && message.method === "initialize")
    ? "initialize cannot be part of a batch."
    : undefined;
}

/** The reason to refuse batches of this revision; undefined when it has batches. */
export const revisionFault = (protocolVersion: string): string | undefined =>
  protocolVersion > LAST_WITH_BATCHES
    ? `Protocol version ${protocolVersion} has no batches.`
    : undefined;
