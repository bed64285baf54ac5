// Request keys: how a caller says that a call may come twice, and how it is recognized.
import { fingerprint } from "../kernel/fingerprint.ts";
import { checkText } from "../kernel/text.ts";
import { optionalText } from "./arguments.ts";
import type { Once } from "./context.ts";
import type { Tool } from "./tool.ts";

/** In a call's `_meta`: repeating the call with the same key does not do it twice. */
export const REQUEST_KEY_META = "holdfast/request-key";

const MAX_BYTES = 200;

/** The argument of tools that recognize a repeated call by themselves, whatever became of the first. */
export const requestKey = optionalText(
  "Any unique text: repeating the call with the same key does not do it twice.",
);

const takesKey = ({ input: { shape } }: Tool): boolean => shape["request_key"] === requestKey;

/** The arguments, with the key of `_meta` as `request_key` where the tool takes that. */
export function withRequestKey(
  tool: Tool,
  input: Record<string, unknown>,
  metaKey: string | undefined,
): Record<string, unknown> {
  return takesKey(tool) && input["request_key"] === undefined && metaKey !== undefined
    ? { ...input, request_key: metaKey }
    : input;
}

/**
 * Undefined for a call without a key, and for one that only reads: that may be repeated anyway.
 * @throws AppError `invalid` for a key that is too long
 */
export function onceOf(
  tool: Tool,
  input: Record<string, unknown>,
  metaKey: string | undefined,
): Once | undefined {
  const { name, annotations } = tool;
  const ownKey = takesKey(tool);
  const key = ownKey ? (input["request_key"] as string | undefined) : metaKey;
  if (key === undefined || annotations.readOnlyHint) return undefined;
  checkText("request_key", key, MAX_BYTES);
  const { session: _session, ...args } = input;
  if (ownKey) delete args["request_key"];
  const request = fingerprint([name, args]);
  return { key, request, repeatable: ownKey || annotations.idempotentHint === true };
}
