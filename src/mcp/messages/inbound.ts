// Incoming messages over HTTP and stdio: parsed from text, and checked before other code sees them.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { mayHaveInexact, parseExactly } from "../../lib/json/exact-numbers.ts";
import { isDeep } from "../../lib/json/json.ts";
import { inexact, unstorable } from "../../lib/json/storable.ts";
import { RequestError } from "../../protocol/errors.ts";
import { RPC } from "../../protocol/json-rpc.ts";

const CALL = "tools/call";

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads a message or a batch from its bytes, which are UTF-8.
 * @throws RequestError `parse`
 */
export function readMessages(bytes: ArrayBuffer | Uint8Array, maxDepth: number): unknown {
  try {
    const text = decoder.decode(bytes);
    if (!isDeep(text, maxDepth)) return parseMessages(text);
  } catch {
    throw new RequestError("parse", "The body is not valid JSON.");
  }
  const fault = `The body is nested more than ${maxDepth} deep (the setting max-depth).`;
  throw new RequestError("parse", fault);
}

/**
 * Parses like `JSON.parse`, but keeps numbers in a tool's arguments and in answers of a person or a model exact: those that
 * cannot be stored exactly are refused. Other numbers, such as in `_meta`, are never stored.
 * @throws SyntaxError
 */
function parseMessages(json: string): unknown {
  const body: unknown = JSON.parse(json);
  if (!mayHaveInexact(json)) return body;
  const exact = parseExactly(json) as unknown[];
  const both = Array.isArray(body)
    ? body.map((one: unknown, at) => [one, exact[at]])
    : [[body, exact]];
  for (const [message, read] of both as [Message | null, Message | null][]) {
    if (message?.method === CALL) keep(message, read!, "arguments");
    if (typeof message?.method === "string") keep(message, read!, "inputResponses");
    else if (message?.result) refuseInexact(message, read!.result!);
  }
  return body;
}

interface Message {
  method?: unknown;
  params?: Record<string, unknown>;
  result?: { content?: unknown };
  error?: object;
}

function keep(message: Message, { params: read }: Message, field: string): void {
  if (message.params?.[field] !== undefined) message.params[field] = read![field];
}

/** Makes an answer whose content would change an error: answers get no answer, but their call tells of it. */
function refuseInexact(message: Message, { content }: NonNullable<Message["result"]>): void {
  const fault = inexact("result.content", content);
  if (fault === undefined) return;
  delete message.result;
  message.error = { code: RPC.invalidParams, message: fault };
}

/**
 * Refuses a message or a batch whose texts cannot be stored.
 * @throws RequestError `invalid_params`
 */
export function checkContent(
  messages: readonly JSONRPCMessage[],
  { batch }: { batch: boolean },
): void {
  for (const message of messages) {
    const fault = contentFault(message);
    if (fault === undefined) continue;
    throw new RequestError("invalid_params", fault, batch ? {} : { request: message });
  }
}

/**
 * The reason to refuse a message with NUL or a lone surrogate in names, addresses or texts, with the field. Tools
 * check their arguments themselves. Of a model's or a person's answers, only the numbers are checked here.
 */
export function contentFault(message: JSONRPCMessage): string | undefined {
  if (!("method" in message)) return undefined;
  const { method, params = {} } = message;
  const fault = unstorable("method", method) ?? ("id" in message && idFault(message.id));
  if (fault) return fault;
  for (const [name, value] of Object.entries(params)) {
    if (name === "arguments" && method === CALL) continue;
    const isAnswer = name === "inputResponses";
    const inside = isAnswer ? inexact(name, value) : unstorable("params", { [name]: value });
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** Of an id as JSON: it is stored with its call, under an index. */
const MAX_ID_BYTES = 1_000;

const idFault = (id: unknown): string | undefined =>
  Buffer.byteLength(JSON.stringify(id)) > MAX_ID_BYTES
    ? `id: at most ${MAX_ID_BYTES} bytes.`
    : unstorable("id", id);
