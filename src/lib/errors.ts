// The one error type that crosses module borders: a code to branch on, a message that may be shown.

/** What went wrong, as a stable word. Callers branch on this, never on the message. */
export type ErrorCode =
  | "invalid" // the input is wrong
  | "not_found" // no such thing, or not yours: the two are never told apart
  | "forbidden" // you may see it, but not do that
  | "conflict" // it changed meanwhile, or the name or key is taken
  | "limit" // a configured bound was reached
  | "busy" // somebody else is at it; try again
  | "model" // the language model failed
  | "storage_full" // the disk has no room
  | "storage" // the database cannot be used
  | "start" // the program cannot start as asked
  | "interrupted" // the process stopped or died in the middle; it may have been done
  | "unavailable" // something we depend on does not answer; try again
  | "internal"; // a defect; details stay private

export interface AppErrorOptions {
  /** What the reader can do next, as a sentence. */
  hint?: string;
  /** Path that the message is about; it comes before the message here, and is not in what remote callers get. */
  file?: string;
  /** The private reason: logged at the edge, never sent. */
  cause?: unknown;
}

/** `message` and `hint` never hold a secret; `message` may begin with a path, `advice` is for everybody; `cause` is private. */
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
    this.publicMessage = message;
  }

  /** Message and hint as one text, without the path of a file of this machine. */
  get advice(): string {
    return this.#withHint(this.publicMessage);
  }

  /** The same with the path, for whoever is at the machine. */
  get localAdvice(): string {
    return this.#withHint(this.message);
  }

  #withHint(message: string): string {
    return this.hint === undefined ? message : `${message} ${this.hint}`;
  }
}

/** Of a call that was cut short and must not be repeated blindly. */
export const interruptedError = (): AppError =>
  new AppError("interrupted", "The server was interrupted during this call.", {
    hint: "It may have been done; look first, then repeat it only if it was not.",
  });

/**
 * Any thrown value as an `AppError`; what is unknown becomes `internal` with its reason kept private. `requestId`: under
 * which the log tells about it.
 */
export function toAppError(thrown: unknown, requestId?: string): AppError {
  const known = asAppError(thrown);
  if (known !== undefined) return known;
  return new AppError("internal", "Something went wrong inside Holdfast.", {
    hint: `The server's log has the details${requestId === undefined ? "" : `, under request ${requestId}`}.`,
    cause: thrown,
  });
}

/** An `AppError`, also of another copy of the package: a tool may have been written against one of its own. */
function asAppError(thrown: unknown): AppError | undefined {
  try {
    if (thrown instanceof AppError) return thrown;
    if (!(thrown instanceof Error) || thrown.name !== "AppError") return undefined;
    const { code, message, publicMessage = message, hint, cause } = thrown as AppError;
    if (typeof code !== "string") return undefined;
    return new AppError(code, publicMessage, { ...(typeof hint === "string" && { hint }), cause });
  } catch {
    return undefined; // whatever it is, it cannot be read
  }
}
