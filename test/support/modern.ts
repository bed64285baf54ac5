// 2026-07-28 requests as they look on the wire, with no SDK in between.
import { expect } from "vitest";
import { type Answer, type CallAnswer, calling, INFO, type Json, post, read, rpc } from "./raw.ts";

export const MODERN = "2026-07-28";

const NAMED_BY: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

export interface ModernOptions {
  id?: string | number;
  capabilities?: object;
  /** Beside the envelope, in `_meta`. */
  meta?: object;
  /** Instead of, or beside, the headers of a well-behaved client; undefined leaves one out. */
  headers?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

/** The envelope that every request of this era carries in `params._meta`. */
export const envelope = (capabilities: object = {}): Json => ({
  "io.modelcontextprotocol/protocolVersion": MODERN,
  "io.modelcontextprotocol/clientInfo": INFO,
  "io.modelcontextprotocol/clientCapabilities": capabilities,
});

export const modernRequest = (
  method: string,
  params: object = {},
  { id = 1, capabilities = {}, meta = {} }: ModernOptions = {},
): Json => rpc(method, { ...params, _meta: { ...envelope(capabilities), ...meta } }, id);

/** The headers that repeat what is in the message. */
export function modernHeaders({ method, params }: Json): Record<string, string> {
  const field = NAMED_BY[method as string];
  const name: unknown = field && params?.[field];
  return {
    "mcp-protocol-version": MODERN,
    "mcp-method": String(method),
    ...(typeof name === "string" && { "mcp-name": headerValue(name) }),
  };
}

/** As it is when that is safe, else as `=?base64?…?=`. */
export const headerValue = (text: string): string =>
  /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text)
    ? text
    : sentinel(text);

export const sentinel = (bytes: string | Uint8Array): string =>
  `=?base64?${Buffer.from(bytes as string).toString("base64")}?=`;

/** POSTs a message of this era. */
export function postModern(
  url: string,
  message: Json,
  { headers = {}, signal }: Pick<ModernOptions, "headers" | "signal"> = {},
): Promise<Response> {
  const all = Object.entries({ ...modernHeaders(message), ...headers });
  const present = all.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return post(url, message, Object.fromEntries(present), signal);
}

/** One request and its answer, read to the end. */
export const askModern = async (
  url: string,
  method: string,
  params: object = {},
  options: ModernOptions = {},
): Promise<Answer> => read(await postModern(url, modernRequest(method, params, options), options));

/** `rounds`: `inputResponses` and `requestState` of a later round. */
export const callModern = async (
  url: string,
  name: string,
  args: object = {},
  { rounds = {}, ...options }: ModernOptions & { rounds?: object } = {},
): Promise<CallAnswer> =>
  calling(await askModern(url, "tools/call", { name, arguments: args, ...rounds }, options));

/** Refused with 400 under the request's own id. */
export function expectMismatch(answer: Answer, id: string | number = 1): void {
  expect(answer.status).toBe(400);
  expect(answer.messages).toMatchObject([{ jsonrpc: "2.0", id, error: { code: -32020 } }]);
  expect(answer.messages).toHaveLength(1);
}
