// PostgreSQL's error codes as the project's own errors, decided in this one place.
import { DrizzleQueryError } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";

/** The five characters of a database's own error, which Drizzle wraps; a word like ECONNREFUSED for the network's. */
export function codeOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === "string" && !(cause instanceof AppError)) return code;
  }
  return undefined;
}

/** True for a statement that was not done because one before it in the transaction failed. */
export const isAfterFailure = (error: unknown): boolean => codeOf(error) === "25P02";

/**
 * True for a transaction that gave way to another one, also to one that made the same row at the same moment: done again, it
 * finds that row.
 */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || code === "40P01" || code === "23505";
}

/** True for a statement that waited too long for another transaction's lock. */
export const isLockTimeout = (error: unknown): boolean => codeOf(error) === "55P03";

/** Not reachable: ENOENT is of a socket whose server has gone. */
const AWAY = /^(?:ECONNREFUSED|ENOENT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;
/** The connection ended, or the server is shutting down. */
const LOST = /^(?:08...|57P0[1-5]|25P03|ECONNRESET|EPIPE|ETIMEDOUT)$/;
/** A new connection is refused: the password, the database or a certificate has changed. The codes of TLS are OpenSSL's and Node's. */
const REFUSED =
  /^(?:28P01|28000|3D000|CERT_\w+|(?:DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|UNABLE_TO_\w+|ERR_(?:TLS|SSL)_\w+)$/;

/** The connection ended, or the driver's patience, while a commit was under way. */
export class Unconfirmed extends AppError {
  constructor(cause: unknown) {
    super("storage", "The database did not confirm a write: it may be stored or not.", {
      hint: "Look before you try again.",
      cause,
    });
  }
}

/** An operation in a shared transaction that needs one of its own: there it is done again, as one that gave way. */
export const needsOwn = (): Error =>
  Object.assign(new Error("This needs a transaction of its own."), { code: "40001" });

/** PostgreSQL's error as an error for people; other errors stay as they are. */
export function fromPostgres(failure: unknown): unknown {
  if (failure instanceof AppError) return failure;
  // Drizzle's own message has the parameters: what people store does not belong into a log.
  const error = failure instanceof DrizzleQueryError ? failure.cause : failure;
  const code = codeOf(error);
  if (isConnectionLoss(error)) return away(error);
  if (code === undefined) return error;
  if (code === "53100")
    return new AppError("storage_full", "The database's disk is full: nothing was stored.", {
      hint: "Free some space and try again.",
      cause: error,
    });
  if (code === "23503")
    return new AppError("not_found", "That session was deleted meanwhile.", { cause: error });
  if (code === "53300")
    return new AppError("busy", "The database has no connection left.", {
      hint: "Try again in a moment; max_connections or the limit of PostgreSQL's user allows more.",
      cause: error,
    });
  if (isRetryable(error) || isLockTimeout(error) || code === "57014")
    return new AppError("busy", "Other calls are at work on the same rows.", {
      hint: "Try again in a moment.",
      cause: error,
    });
  if (code === "26000" || code === "42P05")
    return new AppError("storage", "A pooler before the database mixes up prepared statements.", {
      hint: "PgBouncer needs to be 1.21 or newer, with max_prepared_statements above 0.",
      cause: error,
    });
  // A standby that has not taken over, or a setting.
  if (code === "25006")
    return new AppError("busy", "The database is read-only.", {
      hint: "Try again in a moment; if it stays so, database-url has to name the primary server.",
      cause: error,
    });
  if (AWAY.test(code)) return away(error);
  if (REFUSED.test(code))
    return new AppError("busy", "The database refuses this server's sign-in.", {
      hint: "Try again in a moment; the server's log says why.",
      cause: error,
    });
  if (code === "42501")
    return new AppError("storage", "The database's user may not do this.", {
      hint: "Give it the rights that docs/postgres.md lists.",
      cause: error,
    });
  return error;
}

/** The driver's own errors for a connection that ended have no code. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code !== undefined) return LOST.test(code);
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (
      /^Connection terminated|^timeout exceeded when trying to connect|^Client has encountered a connection error/.test(
        cause.message,
      )
    )
      return true;
  return false;
}

const away = (error: unknown): AppError =>
  new AppError("busy", "The database does not answer.", {
    hint: "Try again in a moment.",
    cause: error,
  });
