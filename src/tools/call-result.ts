// The result of a call as its client gets it: with its session, with the code of a failure.
import type { CallToolResult } from "@modelcontextprotocol/server";
import type { AppError } from "../lib/errors.ts";
import type { Caller } from "../sessions/session.ts";
import type { OpenedSession } from "./session/context.ts";

/** Key in every result's `_meta`: the session of the call. */
export const SESSION_META = "holdfast/session";
/** Key in a tool error's `_meta`: the stable error code. */
export const ERROR_META = "holdfast/error";

/**
 * Adds the call's session, and a text for clients without structured content. The text also names a session that the
 * call created, because many programs show their model nothing else.
 */
export function named(
  result: CallToolResult,
  session: string | null,
  { opened, namesSession }: { opened: OpenedSession | undefined; namesSession: boolean },
): CallToolResult {
  const { content, structuredContent, _meta } = result;
  const data =
    structuredContent === undefined
      ? undefined
      : { ...(namesSession && { session }), ...(structuredContent as object) };
  const texts: CallToolResult["content"] =
    content.length > 0 || !data ? content : [{ type: "text", text: JSON.stringify(data) }];
  return {
    ...result,
    content: opened && session !== null ? withOpened(texts, session, opened) : texts,
    ...(data && { structuredContent: data }),
    _meta: { [SESSION_META]: session, ..._meta },
  };
}

function withOpened(
  content: CallToolResult["content"],
  session: string,
  { name }: OpenedSession,
): CallToolResult["content"] {
  if (content.some((block) => block.type === "text" && block.text.includes(session)))
    return content;
  const which = name === null ? session : `${JSON.stringify(name)}, ${session}`;
  return [...content, { type: "text", text: `(This call opened the session ${which}.)` }];
}

/** A failed call's result. */
export function failure(text: string, code: AppError["code"]): CallToolResult {
  const _meta = { [ERROR_META]: code, ...(code === "interrupted" && { interrupted: true }) };
  return { isError: true, content: [{ type: "text", text }], _meta };
}

/** The result, or a failure in place of a question to a caller that cannot be asked. */
export const asked = <T extends ResultParts>(
  tool: string,
  result: T,
  { noQuestions }: Pick<Caller, "noQuestions">,
): T | CallToolResult =>
  result.resultType === "input_required" && noQuestions !== undefined
    ? failure(`${tool} has a question for its caller, but ${noQuestions}`, "invalid")
    : result;

/** `ok`, `input_required`, or the code of a failure. */
export function outcomeOfResult({ isError, resultType, _meta }: ResultParts): string {
  if (isError !== true) return resultType === "input_required" ? "input_required" : "ok";
  const code = _meta?.[ERROR_META];
  return typeof code === "string" ? code : "error";
}

export interface ResultParts {
  isError?: unknown;
  resultType?: unknown;
  _meta?: Record<string, unknown> | undefined;
}
