// Request keys, which mark repeated calls and make them run once.
import type { ToolAnnotations } from "@modelcontextprotocol/server";
import { checkRequestKey } from "../idempotency/request-key.ts";
import { fingerprint } from "../lib/ids.ts";
import { optionalText } from "./arguments.ts";
import type { Once } from "./session/context.ts";

/** Key in a call's `_meta`: a repeated call with the same value does not run twice. */
export const REQUEST_KEY_META = "holdfast/request-key";

/** The argument of tools that detect a repeated call themselves, whatever the first call's outcome. */
export const requestKey = optionalText("Unique text: a repeated call with it is not done twice.");

/** True if this schema has the argument `requestKey`. */
export const takesRequestKey = (input: unknown): boolean =>
  (input as { shape?: Record<string, unknown> } | undefined)?.shape?.["request_key"] === requestKey;

interface Keyed {
  readonly name: string;
  readonly annotations: ToolAnnotations;
  readonly takesRequestKey: boolean;
  readonly frees: boolean;
  readonly deletesSession: boolean;
}

/** The arguments, with the key from `_meta` as `request_key` if the tool takes that argument. */
export function withRequestKey(
  tool: Pick<Keyed, "takesRequestKey">,
  input: unknown,
  metaKey: string | undefined,
): unknown {
  if (!tool.takesRequestKey || metaKey === undefined) return input;
  const args = input as Record<string, unknown>;
  return args["request_key"] === undefined ? { ...args, request_key: metaKey } : input;
}

/**
 * The key's `Once`, with this `changesOnly`; undefined without a key, and for a read-only tool, which may simply run
 * again.
 * @throws AppError `invalid` for a key that is too long
 */
export function onceOf(
  { name, annotations, takesRequestKey: ownKey, frees, deletesSession }: Keyed,
  input: unknown,
  metaKey: string | undefined,
  changesOnly: boolean,
): Once | undefined {
  const { request_key, ...args } = input as Record<string, unknown>;
  const key = ownKey ? (request_key as string | undefined) : metaKey;
  if (key === undefined || annotations.readOnlyHint) return undefined;
  checkRequestKey(key);
  const request = fingerprint([name, ownKey ? args : input]);
  const repeatable = ownKey || changesOnly || annotations.idempotentHint === true;
  return { key, request, repeatable, changesOnly, frees, deletesSession };
}
