// A mistake in what somebody else wrote, found while it runs: what a handler returned cannot be sent, or is not what it
// promised.
import { ProtocolError } from "@modelcontextprotocol/server";
import { AppError } from "../lib/errors.ts";
import { asTool } from "./running.ts";

export class ToolMistake extends Error {
  /** Where the mistake is, such as `result.at`. */
  readonly field: string;

  constructor(field: string, reason: string, cause?: unknown) {
    super(`${field}: ${reason}`, cause === undefined ? undefined : { cause });
    this.name = "ToolMistake";
    this.field = field;
  }
}

/** Runs a handler of a prompt or a resource that is not built in: what it throws without words for others is its own. */
export async function ofItsAuthor<T>(
  name: string,
  signal: AbortSignal,
  act: () => T | Promise<T>,
): Promise<T> {
  try {
    return await asTool(name, act);
  } catch (error) {
    const isMeant = [AppError, ProtocolError, ToolMistake].some((type) => error instanceof type);
    if (isMeant || signal.aborted) throw error;
    throw new ToolMistake(name, "it failed", error);
  }
}
