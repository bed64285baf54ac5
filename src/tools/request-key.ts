// Request keys: how a caller says that a call may come twice, and how it is recognized.
import type { ToolAnnotations } from "@modelcontextprotocol/server";
import { fingerprint } from "../lib/ids.ts";
import { checkText } from "../lib/text/text.ts";
import { optionalText } from "./arguments.ts";
import type { Once } from "./session/context.ts";

/** In a call's `_meta`: repeating the call with the same key does not do it twice. */
export const REQUEST_KEY_META = "holdfast/request-key";

const MAX_BYTES = 200;

/** The argument of tools that recognize a repeated call by themselves, whatever became of the first. */
export const requestKey = optionalText("Unique text: a repeated call with it is not done twice.");

/** Whether the arguments of this schema have the one above among them. */
export const takesRequestKey = (input: unknown): boolean =>
  (input as { shape?: Record<string, unknown> } | undefined)?.shape?.["request_key"] === requestKey;

interface Keyed {
  readonly name: string;
  readonly annotations: ToolAnnotations;
  readonly takesRequestKey: boolean;
  /** See `Once`. */
  readonly changesOnly: boolean;
}

/** The arguments, with the key of `_meta` as `request_key` where the tool takes that. */
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
 * Undefined for a call without a key, and for one that only reads: that may be repeated anyway.
 * @throws AppError `invalid` for a key that is too long
 */
export function onceOf(
  { name, annotations, takesRequestKey: ownKey, changesOnly }: Keyed,
  input: unknown,
  metaKey: string | undefined,
): Once | undefined {
  const { request_key, ...args } = input as Record<string, unknown>;
  const key = ownKey ? (request_key as string | undefined) : metaKey;
  if (key === undefined || annotations.readOnlyHint) return undefined;
  checkText("request_key", key, MAX_BYTES);
  const request = fingerprint([name, ownKey ? args : input]);
  const repeatable = ownKey || changesOnly || annotations.idempotentHint === true;
  return { key, request, repeatable, changesOnly };
}
