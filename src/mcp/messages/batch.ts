// JSON-RPC batches: several messages in one body or line, as revisions up to 2025-03-26 allow.
import { isSpecType, type JSONRPCMessage } from "@modelcontextprotocol/server";
import { RequestError } from "../../protocol/errors.ts";
import { isRequest, requestIdOf, RPC } from "../../protocol/json-rpc.ts";
import { messageFault } from "./faults.ts";
import { contentFault } from "./inbound.ts";

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

export interface BatchParts {
  messages: unknown[];
  /** Answers to the entries that are no messages, or that no method can take. */
  refused: object[];
}

/**
 * The messages of a batch, and the answers to its other entries (JSON-RPC 2.0, section 6). A batch without a single message
 * stays whole, to be refused.
 */
export function splitBatch(body: readonly unknown[]): BatchParts {
  const entries = body.map((entry) => ({ entry, answer: refusalOf(entry) }));
  const messages = entries.filter(({ answer }) => answer === undefined).map(({ entry }) => entry);
  if (messages.length === 0) return { messages: [...body], refused: [] };
  return { messages, refused: entries.flatMap(({ answer }) => answer ?? []) };
}

/** The answer to an entry that cannot be delivered; none to a notification. */
function refusalOf(entry: unknown): object[] | undefined {
  const answer = (code: number, message: string): object => ({
    jsonrpc: "2.0",
    // An answer's id is one of ours.
    id: isAnswerLike(entry) ? null : requestIdOf(entry),
    error: { code, message },
  });
  if (!isSpecType.JSONRPCMessage(entry)) return [answer(RPC.invalidRequest, messageFault(entry))];
  const fault = contentFault(entry);
  if (fault === undefined) return undefined;
  return isRequest(entry) ? [answer(RPC.invalidParams, fault)] : [];
}

const isAnswerLike = (entry: unknown): boolean =>
  typeof entry === "object" && entry !== null && ("result" in entry || "error" in entry);
