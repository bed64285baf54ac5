// Messages as they come in, over HTTP and over stdio: read from their text, and checked before anything else sees them.
import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { mayHaveInexact, parseExactly } from "../../lib/json/exact-numbers.ts";
import { unstorable } from "../../lib/json/storable.ts";

const CALL = "tools/call";

/**
 * As `JSON.parse`, but in the arguments of a tool no number is changed: the tools refuse those that cannot be kept. Other
 * numbers, such as in `_meta`, are nobody's to store.
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
 * Why a message cannot be taken as it is, with the place: it has NUL or half a character where names, addresses and texts
 * are. Not looked at: a tool's arguments, which the tool refuses in its own words, and what a model or a person answered.
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
