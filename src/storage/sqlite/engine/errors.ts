// SQLite's error codes as the project's own errors, decided in this one place.
import Database from "better-sqlite3";
import { AppError } from "../../../lib/errors.ts";

/** SQLite's error as an error for people; other errors stay as they are. */
export function fromSqlite(error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const code = error.code;
  // The log's index (-shm) needs room too, so a full disk may keep even a reader out.
  if (code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE") {
    return new AppError("storage_full", "The disk is full: nothing was stored.", {
      hint: "Free some space and try again.",
      cause: error,
    });
  }
  if (code === "SQLITE_CONSTRAINT_FOREIGNKEY") {
    return new AppError("not_found", "That session was deleted meanwhile.", { cause: error });
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new AppError("busy", "Another process is using the database.", {
      hint: "Try again in a moment.",
      cause: error,
    });
  }
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return new AppError("storage", "The database file is damaged or is not a database.", {
      hint: "Move it away and restore a backup.",
      cause: error,
    });
  }
  if (
    code.startsWith("SQLITE_READONLY") ||
    code.startsWith("SQLITE_CANTOPEN") ||
    code.startsWith("SQLITE_PERM")
  ) {
    return new AppError("storage", "The database file cannot be written.", {
      hint: "Check the permissions of the data folder.",
      cause: error,
    });
  }
  if (code.startsWith("SQLITE_IOERR")) {
    return new AppError("storage", "Reading or writing the database failed.", {
      hint: "Check the disk.",
      cause: error,
    });
  }
  return error;
}
