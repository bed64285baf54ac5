// What a provider said when it failed, as an error that may be shown.
import { AppError } from "../kernel/errors.ts";

const MAX_CHARACTERS = 500;

/** `error` of the AI SDK as an `AppError` whose message names the endpoint and never holds the key. */
export function modelFailure(error: unknown, label: string, key: string | undefined): AppError {
  if (error instanceof AppError) return error;
  const said = redact(describe(error), key)
    .slice(0, MAX_CHARACTERS)
    .replace(/[^.!?…]$/, "$&.");
  return new AppError("model", `The model (${label}) failed: ${said}`, {
    hint: "The question is stored: ask it again to retry.",
    cause: new Error(said), // not the original: it holds headers and the whole request
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? "no reason given";
  // A RetryError wraps the last attempt; a refused connection wraps the system's error.
  const { lastError, statusCode, cause } = error as {
    lastError?: unknown;
    statusCode?: number;
    cause?: unknown;
  };
  if (lastError !== undefined) return describe(lastError);
  const status = statusCode === undefined ? "" : `HTTP ${statusCode}: `;
  const reason =
    cause instanceof Error && !error.message.includes(cause.message) ? ` (${describe(cause)})` : "";
  return `${status}${error.message || error.name}${reason}`.replace(/\s+/g, " ");
}

/** Providers like to quote the key they refuse, whole or with stars. */
function redact(text: string, key: string | undefined): string {
  const withoutKey = key === undefined ? text : text.replaceAll(key, "[key]");
  return withoutKey.replace(/\bsk-[\w*.-]+/g, "[key]");
}
