// A mistake of a tool's author, found at run time: a handler's result that cannot be sent, or that breaks the tool's
// own output schema.
import { ProtocolError } from "@modelcontextprotocol/server";
import { AppError } from "../lib/errors.ts";
import { asTool } from "./running.ts";

export class ToolMistake extends Error {
  /** Path of the mistake, such as `result.at`. */
  readonly field: string;

  constructor(field: string, reason: string, cause?: unknown) {
    super(`${field}: ${reason}`, cause === undefined ? undefined : { cause });
    this.name = "ToolMistake";
    this.field = field;
  }
}

/**
 * Run a handler of a user's prompt or resource. An error that is not meant for callers counts as the author's mistake.
 */
export async function ofItsAuthor<T>(
  name: string,
  signal: AbortSignal | undefined,
  act: () => T | Promise<T>,
): Promise<T> {
  try {
    return await asTool(name, act);
  } catch (error) {
    const isMeant = [AppError, ProtocolError, ToolMistake].some((type) => error instanceof type);
    if (isMeant || signal?.aborted) throw error;
    throw new ToolMistake(name, "it failed", error);
  }
}

/** What is wrong with a field; of a content block, a validator says only that none of all kinds fits. */
export const saidOf = (field: string, message: string): string =>
  /(?:^|\.)content(?:\.\d+)?$/.test(field) && message === "Invalid input"
    ? 'expected a content block, such as { type: "text", text: "…" }'
    : message;
