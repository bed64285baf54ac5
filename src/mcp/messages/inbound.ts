// Incoming messages over HTTP and stdio: parsed from text, and checked before other code sees them.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { mayHaveInexact, parseExactly } from "../../lib/json/exact-numbers.ts";
import { unstorable } from "../../lib/json/storable.ts";

const CALL = "tools/call";

/**
 * Parses like `JSON.parse`, but keeps numbers in a tool's arguments exact: tools refuse numbers that cannot be stored
 * exactly. Other numbers, such as in `_meta`, are never stored.
 * @throws SyntaxError
 */
export function parseMessages(json: string): unknown {
  const body: unknown = JSON.parse(json);
  if (!mayHaveInexact(json)) return body;
  const exact = parseExactly(json) as unknown[];
  const both = Array.isArray(body) ? body.map((one, at) => [one, exact[at]]) : [[body, exact]];
  for (const [message, read] of both as [CallRequest, CallRequest][]) {
    if (message?.method === CALL && message.params?.arguments !== undefined)
      message.params.arguments = read!.params!.arguments;
  }
  return body;
}

type CallRequest = { method?: unknown; params?: { arguments?: unknown } } | null;

/**
 * The reason to refuse a message with NUL or a lone surrogate in names, addresses or texts, with the field. Tools
 * check their arguments themselves. Answers of a model or a person are not checked here.
 */
export function contentFault(message: JSONRPCMessage): string | undefined {
  if (!("method" in message)) return undefined;
  const { method, params = {} } = message;
  const fault = unstorable("method", method) ?? ("id" in message && unstorable("id", message.id));
  if (fault) return fault;
  for (const [name, value] of Object.entries(params)) {
    if (name === "inputResponses" || (name === "arguments" && method === CALL)) continue;
    const inside = unstorable("params", { [name]: value });
    if (inside !== undefined) return inside;
  }
  return undefined;
}
