// The one error type that crosses module borders: a code to branch on, and a message that may be shown.
import { setTimeout as sleep } from "node:timers/promises";

/** The kind of an error, as a stable word. Callers branch on this, never on the message. */
export type ErrorCode =
  | "invalid" // the input is wrong
  | "not_found" // it does not exist, or belongs to another principal: the two are never told apart
  | "forbidden" // the caller may see it, but not change it
  | "conflict" // it changed meanwhile, or the name or key is taken
  | "limit" // a configured bound was reached
  | "busy" // another call is at work on it; try again
  | "model" // the language model failed
  | "storage_full" // the disk has no room
  | "storage" // the database cannot be used
  | "start" // the program cannot start with these settings
  | "interrupted" // the process stopped or died in the middle; the call may have been done
  | "unavailable" // another service does not answer; try again
  | "internal" // a defect; details stay private
  | RequestErrorCode;

/** The kind of a request's own fault, which is found before its handler runs. */
export type RequestErrorCode =
  | "parse" // not JSON
  | "invalid_request" // JSON, but no message that is allowed here
  | "invalid_params" // the request's parameters are wrong
  | "invalid_envelope" // the request's `_meta` of 2026-07-28 is wrong
  | "header_mismatch" // headers and body disagree
  | "unsupported_version" // the protocol version is not spoken here
  | "missing_capability" // the client has not declared what this needs
  | "unknown_resource" // no resource has this URI, or the caller may not read it
  | "unknown_client" // no client has this `Mcp-Session-Id`
  // Faults in the HTTP request around the message:
  | "unauthenticated" // credentials are missing or wrong
  | "bad_http" // a header is missing or wrong
  | "foreign_host" // the host or origin is not accepted
  | "no_route" // nothing is at this address
  | "wrong_method" // the HTTP method has no meaning here
  | "not_acceptable" // the answer's media type is not accepted
  | "gone" // the events to resume from are no longer stored
  | "too_large" // the body is larger than a setting allows
  | "wrong_media_type" // the body's type is not accepted
  | "too_many" // a bound on requests, calls or streams was reached; try again later
  | "try_again"; // the server is stopping, or has no room for the moment

export interface AppErrorOptions {
  /** Next step of the reader, as a sentence. */
  hint?: string;
  /** Path that the message is about. It precedes the message here, and remote callers do not get it. */
  file?: string;
  /** The private reason: logged at the edge, never sent. */
  cause?: unknown;
}

/**
 * An error with a code. `message` and `hint` never hold a secret. `message` may begin with a path, `advice` is for all
 * callers; `cause` is private.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly publicMessage: string;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    const { file } = options;
    super(
      file === undefined ? message : `${file}: ${message}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    // JavaScript code may pass anything; `message` of an Error is a text in any case.
    this.publicMessage = typeof (message as unknown) === "string" ? message : this.message;
  }

  /** Message and hint as one text, without the path. */
  get advice(): string {
    return this.#withHint(this.publicMessage);
  }

  /** Message and hint as one text with the path, for the machine's own users. */
  get localAdvice(): string {
    return this.#withHint(this.message);
  }

  #withHint(message: string): string {
    return this.hint === undefined ? message : `${message} ${this.hint}`;
  }
}

/** Error of a call that was cut short and must not be repeated blindly. */
export const interruptedError = (): AppError =>
  new AppError("interrupted", "The server was interrupted during this call.", {
    hint: "It may have been done; look first, then repeat it only if it was not.",
  });

/** True for an error of a database that may be back soon. */
export const isAway = (error: unknown): boolean =>
  error instanceof AppError && (error.code === "busy" || error.code === "storage");

/** Pauses before further tries, in milliseconds. */
const AGAIN_MS = [250, 1_000, 3_000] as const;

/**
 * What `act` resolves to, which may be done twice: it is tried again while the database is away for a moment, and `signal` is
 * not aborted. @throws its last error
 */
export async function throughOutage<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      const pause = AGAIN_MS[attempt];
      if (!isAway(error) || pause === undefined || signal?.aborted === true) throw error;
      await sleep(pause);
    }
  }
}

/**
 * Any thrown value as an `AppError`. An unknown one becomes `internal`, with its reason kept private. `requestId`: id
 * of its line in the log.
 */
export function toAppError(thrown: unknown, requestId?: string): AppError {
  const known = asAppError(thrown);
  if (known !== undefined) return known;
  return new AppError("internal", "Something went wrong inside Holdfast.", {
    hint: `The server's log has the details${requestId === undefined ? "" : `, under request ${requestId}`}.`,
    cause: thrown,
  });
}

/** An `AppError`, also of another copy of the package, which a tool may import. */
function asAppError(thrown: unknown): AppError | undefined {
  try {
    if (thrown instanceof AppError) return thrown;
    if (!(thrown instanceof Error) || thrown.name !== "AppError") return undefined;
    const { code, publicMessage = thrown.message, hint, cause } = thrown as Partial<AppError>;
    if (typeof code !== "string") return undefined;
    return new AppError(code, publicMessage, { ...(typeof hint === "string" && { hint }), cause });
  } catch {
    return undefined; // a value that cannot even be read
  }
}
