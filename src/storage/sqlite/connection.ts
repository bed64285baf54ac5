// Opens the database: folder and file modes, pragmas in their order, clear errors. Not here: tables (migrate.ts).
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { AppError } from "../../kernel/errors.ts";
import { fromSqlite } from "./errors.ts";
import { embeddedAddon } from "./native.ts";
import { addSearchFunctions } from "./search-index.ts";

export type Sqlite = Database.Database;

export const MEMORY = ":memory:";

/** How long one process waits for another's write lock. Commits take milliseconds, so this is for a stuck disk. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * `file`: path of the database, or `:memory:`.
 * @throws AppError `start` with one line that names the file
 */
export function openConnection(file: string): Sqlite {
  if (file !== MEMORY) createFile(file);
  const nativeBinding = embeddedAddon();
  let sqlite: Sqlite | undefined;
  try {
    // The busy timeout is set before the first pragma: switching to WAL needs a lock too.
    sqlite = new Database(file, {
      timeout: BUSY_TIMEOUT_MS,
      ...(nativeBinding && { nativeBinding: nativeBinding as unknown as string }),
    });
    sqlite.pragma("journal_mode = WAL");
    sqlite.pragma("synchronous = NORMAL"); // what more durability needs, LogSync does
    sqlite.pragma("foreign_keys = ON");
    sqlite.function("casefold", { deterministic: true }, (text) =>
      typeof text === "string" ? text.toLowerCase() : "",
    ); // SQLite's own lower() knows ASCII only
    addSearchFunctions(sqlite);
    sqlite.pragma("journal_size_limit = 67108864"); // bytes; a larger log is cut back at a checkpoint
    return sqlite;
  } catch (error) {
    sqlite?.close();
    throw cannotOpen(file, error);
  }
}

/** A second connection to a file that is open already, for reading beside its writes. */
export function openReader(file: string): Sqlite {
  const nativeBinding = embeddedAddon();
  return new Database(file, {
    readonly: true,
    timeout: BUSY_TIMEOUT_MS,
    ...(nativeBinding && { nativeBinding: nativeBinding as unknown as string }),
  });
}

/** Conversations are private: the folder and the file are for their owner alone. */
function createFile(file: string): void {
  try {
    makeFolder(dirname(file));
    closeSync(openSync(file, "a", 0o600));
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/** Not `recursive`: under /proc that never returns (Node 26). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another process was faster
  }
}

/** One line that names the file and says what is wrong with it. */
export function cannotOpen(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const known = fromSqlite(error);
  const advice = known instanceof AppError ? known.advice : undefined;
  const system = error as NodeJS.ErrnoException;
  const reason =
    advice ?? (system.code ? `The data folder cannot be used (${system.code}).` : undefined);
  if (reason === undefined) throw error;
  return new AppError("start", `${file}: ${reason}`, { cause: error });
}
