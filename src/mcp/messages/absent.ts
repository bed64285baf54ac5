// Removal of null for absent fields, which programs in Go, Java, C# and Lisp send: no field of this protocol takes
// null as a value. Values that belong to a tool or to its author stay unchanged.
import { isObject } from "../../lib/json/objects.ts";

type Fields = Record<string, unknown>;

/** True for null and for an empty list, which PHP and Lua send in place of an empty object. */
const isNothing = (value: unknown): boolean =>
  value === null || (Array.isArray(value) && value.length === 0);

/** Removes the nulls from a client's message or batch, in place. */
export function dropNulls(body: unknown): void {
  for (const message of Array.isArray(body) ? body : [body])
    if (isObject(message)) dropFrom(message);
}

function dropFrom(message: Fields): void {
  const { method, params } = message;
  if (typeof method !== "string") return dropFromAnswer(message);
  if (message["id"] === null && method.startsWith("notifications/")) delete message["id"];
  for (const name of ["result", "error"]) if (message[name] === null) delete message[name];
  if (isNothing(params)) delete message["params"];
  if (!isObject(params)) return;
  // A map without entries, which is null in Go; the field is required.
  if (method === "initialize" && isNothing(params["capabilities"])) params["capabilities"] = {};
  for (const [name, value] of Object.entries(params)) {
    if (value === null || (name === "arguments" && isNothing(value))) delete params[name];
    else if (name === "_meta" && isObject(value)) dropFromMeta(value);
    else if (!(name === "arguments" && method === "tools/call") && name !== "inputResponses")
      dropDeep(value);
  }
  const { argument } = params; // the argument of a completion with no text typed yet
  if (method === "completion/complete" && isObject(argument)) argument["value"] ??= "";
}

/** One type for all messages has every field in each. Older programs send both `result` and `error`, with one of them null. */
function dropFromAnswer(message: Fields): void {
  for (const name of ["method", "params"]) if (message[name] === null) delete message[name];
  if (message["error"] === null) delete message["error"];
  if (message["result"] !== null) return;
  if ("error" in message) delete message["result"];
  else message["result"] = {};
}

/** Removes nulls at the top, and below the protocol's own keys. Values of other keys stay unchanged. */
function dropFromMeta(meta: Fields): void {
  for (const [name, value] of Object.entries(meta)) {
    if (value === null) delete meta[name];
    else if (name.startsWith("io.modelcontextprotocol/")) dropDeep(value);
  }
}

function dropDeep(node: unknown): void {
  if (!isObject(node)) return;
  for (const [name, value] of Object.entries(node)) {
    if (value === null) delete node[name];
    else dropDeep(value);
  }
}
