// The JSON texts of a task's steps: results, questions, checkpoints and failures.
import { ProtocolError } from "@modelcontextprotocol/server";
import { AppError, type ErrorCode } from "../lib/errors.ts";
import { checkText, shortened } from "../lib/text/text.ts";
import { redact } from "../telemetry/redact.ts";

/** Of one result, question or checkpoint. */
const MAX_VALUE_BYTES = 1_000_000;
const MAX_ERROR_NAME_BYTES = 200;
const MAX_MESSAGE_BYTES = 1_000;

/** The last failure of work, as it is recorded. */
export interface Failure {
  name: string;
  message: string;
  code?: string | number;
  hint?: string;
}

export function failureText(thrown: unknown): string {
  const { name, message, code, hint } = (thrown instanceof Error ? thrown : {}) as Partial<Failure>;
  const failure: Failure = {
    name: shortened(name ?? "Error", MAX_ERROR_NAME_BYTES),
    message: shortened(redact(message ?? String(thrown)), MAX_MESSAGE_BYTES),
    ...((typeof code === "string" || typeof code === "number") && { code }),
    ...(typeof hint === "string" && { hint }),
  };
  return JSON.stringify(failure);
}

export function errorOf({ name, message, code, hint }: Failure): Error {
  if (name === "AppError")
    return new AppError(code as ErrorCode, message, { ...(hint !== undefined && { hint }) });
  return typeof code === "number" && name === "ProtocolError"
    ? new ProtocolError(code, message)
    : Object.assign(new Error(message), { name, ...(code !== undefined && { code }) });
}

/** @throws TypeError for a value that JSON cannot hold; AppError `invalid` for one that is too large */
export function jsonOf(value: unknown, what: string): string {
  const text = JSON.stringify(value ?? null) as string | undefined;
  if (text === undefined)
    throw new TypeError(`task: ${what}: expected JSON, received ${typeof value}.`);
  checkText(`task: ${what}`, text, MAX_VALUE_BYTES);
  return text;
}
