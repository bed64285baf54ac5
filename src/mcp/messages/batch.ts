// JSON-RPC batches: several messages in one body or line, as revisions up to 2025-03-26 allow.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { RequestError } from "../../protocol/errors.ts";
import { isRequest } from "../../protocol/json-rpc.ts";

/** The last revision with batches. */
const LAST_WITH_BATCHES = "2025-03-26";
export const MAX_BATCH = 100;

/** @throws RequestError `invalid_request` */
export function checkBatch(messages: readonly JSONRPCMessage[]): void {
  if (messages.length > MAX_BATCH) throw tooLarge();
  const ids = messages.filter(isRequest).map(({ id }) => id);
  if (new Set(ids).size < ids.length)
    throw new RequestError("invalid_request", "Two requests of this batch have the same id.");
  if (messages.some((message) => "method" in message && message.method === "initialize"))
    throw new RequestError("invalid_request", "initialize cannot be part of a batch.");
}

export const tooLarge = (): RequestError =>
  new RequestError("invalid_request", `A batch has at most ${MAX_BATCH} messages.`);

/**
 * Refuses a batch of a revision without batches.
 * @throws RequestError `invalid_request`
 */
export function checkRevision(protocolVersion: string): void {
  if (protocolVersion <= LAST_WITH_BATCHES) return;
  throw new RequestError("invalid_request", `Protocol version ${protocolVersion} has no batches.`);
}
