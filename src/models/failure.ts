// Turns a provider's failure into an error that may be shown.
import { AppError } from "../lib/errors.ts";
import { spellings, withoutPieces } from "./secrets.ts";
import { WebPageError } from "./wire/requests.ts";
import { messageIn, saidIn } from "./wire/said.ts";

const MAX_CHARACTERS = 500;

/**
 * An error of the AI SDK or of `fetch` as an `AppError`. Its message names the endpoint, and never holds the key or
 * another of the sent `secrets`. `next`: advice that applies to every failure.
 */
export function modelFailure(
  error: unknown,
  label: string,
  { key, secrets = [] }: { key: string | undefined; secrets?: readonly string[] },
  next: string,
): AppError {
  if (error instanceof AppError) return error;
  const said = redact(describe(error), [...(key === undefined ? [] : [key]), ...secrets])
    .slice(0, MAX_CHARACTERS)
    .replace(/[^.!?…]$/, "$&.");
  return new AppError("model", `The model (${label}) failed: ${said}`, {
    hint: `${wayOut(error, key)}${next}`.trim(),
    cause: new Error(said), // not the original, which holds headers and the whole request
  });
}

/** Advice for the operator, if the failure has a known remedy. */
function wayOut(error: unknown, key: string | undefined): string {
  const { statusCode } = (error ?? {}) as { statusCode?: number };
  if (error instanceof WebPageError) return "Is --model-url right? Most end in /v1. ";
  if (statusCode === 404) return "Are --model and --model-url right? Most addresses end in /v1. ";
  if (statusCode !== 401 && statusCode !== 403) return "";
  return key === undefined
    ? "It was sent no key: HOLDFAST_MODEL_KEY sets one. "
    : "It does not accept the key that it was sent: HOLDFAST_MODEL_KEY sets another. ";
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return messageIn(error) ?? "no reason given";
  // Unwrap: a RetryError wraps the last attempt, a refused connection the system's error.
  const { lastError, statusCode, responseBody, cause } = error as {
    lastError?: unknown;
    statusCode?: number;
    responseBody?: string;
    cause?: unknown;
  };
  if (lastError !== undefined) return describe(lastError);
  // A success whose connection broke; the SDK's own errors are about its content.
  const isBroken = cause instanceof Error && !cause.name.startsWith("AI_");
  if (statusCode !== undefined && statusCode < 300 && isBroken)
    return `The answer broke off: ${describe(cause)}`;
  // The SDK makes up a status for a failure within a stream, whose status was 200.
  const isTold = statusCode !== undefined && error.name !== "AI_StreamProviderError";
  const status = isTold ? `HTTP ${statusCode}: ` : "";
  const reason =
    cause instanceof Error && !error.message.includes(cause.message) ? ` (${describe(cause)})` : "";
  const said = statusCode === undefined ? undefined : saidIn(responseBody ?? "");
  return `${status}${said ?? (error.message || error.name)}${reason}`.replace(/\s+/g, " ");
}

/** Remove secrets: providers tend to quote the refused key, whole or with stars, cut short, or in another encoding. */
function redact(text: string, secrets: readonly string[]): string {
  return withoutPieces(text, secrets.flatMap(spellings)).replace(/\bsk-[\w*.-]+/g, "[key]");
}
