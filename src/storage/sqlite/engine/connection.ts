// Opens the database: folder and file modes, pragmas in their order, clear errors. Not here: tables (migrate.ts).
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { AppError } from "../../../lib/errors.ts";
import { leaveToOwner } from "../../../lib/files/owner.ts";
import { systemReason } from "../../../lib/system-errors.ts";
import { addSearchFunctions } from "../search/search-index.ts";
import { fromSqlite } from "./errors.ts";
import { refuseForeign } from "./identity.ts";
import { embeddedAddon } from "./native.ts";

export type Sqlite = Database.Database;

export const MEMORY = ":memory:";

/** Maximum wait for another process's write lock. Commits take milliseconds, so this is for a stuck disk. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * `file`: path of the database, or `:memory:`.
 * @throws AppError `start` with one line that names the file
 */
export function openConnection(file: string): Sqlite {
  if (file !== MEMORY) createFile(file);
  let sqlite: Sqlite | undefined;
  try {
    // Set the busy timeout before the first pragma: switching to WAL needs a lock too.
    sqlite = openFile(file);
    refuseForeign(sqlite);
    // Set it on a new file, so that free pages can go back to the disk: later this setting costs a VACUUM.
    if (sqlite.pragma("page_count", { simple: true }) === 0)
      sqlite.pragma("auto_vacuum = INCREMENTAL");
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

/** Opens an existing file as it is: no pragmas, no migrations. @throws AppError with one line that names the file */
export function openExisting(
  file: string,
  options: Pick<Database.Options, "readonly" | "timeout"> = {},
): Sqlite {
  if (!existsSync(file)) throw noDatabase(file);
  try {
    refuseSpecial(file);
    return openFile(file, { fileMustExist: true, ...options });
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

export const noDatabase = (file: string): AppError =>
  new AppError("not_found", `${file}: There is no database here.`, {
    hint: "Name its folder with --data-dir.",
  });

function openFile(file: string, options: Database.Options = {}): Sqlite {
  const nativeBinding = embeddedAddon();
  return new Database(file, {
    timeout: BUSY_TIMEOUT_MS,
    ...options,
    ...(nativeBinding && { nativeBinding: nativeBinding as unknown as string }),
  });
}

/** Conversations are private: the folder and the file are for their owner alone. */
function createFile(file: string): void {
  try {
    makeFolder(dirname(file));
    const isNew = !existsSync(file);
    if (isNew) closeFolderOfClone(dirname(file));
    else refuseSpecial(file);
    // Do not open the file: closing it would drop the locks that this process may have on it.
    if (!isNew) return accessSync(file, constants.R_OK | constants.W_OK);
    makeFile(file);
  } catch (error) {
    throw cannotOpen(file, error);
  }
}

/** Creates the file, but not through a dangling link: root would create the link's target. */
function makeFile(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !existsSync(file)) throw error;
    return; // another process was faster
  }
  leaveToOwner(file);
}

/** Refuses a pipe, which would block its opener for ever. */
function refuseSpecial(file: string): void {
  if (statSync(file).isFile()) return;
  throw new AppError("invalid", `${file}: this is no file.`, {
    hint: "Take it away, or name another folder with --data-dir.",
  });
}

/** Not `recursive`: under /proc that never returns (Node 26). */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: 0o700 });
    leaveToOwner(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error; // another process was faster
  }
}

/** Closes the folder of a clone, which Git leaves open to all. The rights of any other folder are its owner's choice. */
function closeFolderOfClone(folder: string): void {
  if (readdirSync(folder).join() !== ".gitignore") return;
  if (statSync(folder).uid === process.getuid?.()) chmodSync(folder, 0o700);
}

/** One line that names the file and says what is wrong with it. */
export function cannotOpen(file: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const known = fromSqlite(error);
  const advice = known instanceof AppError ? known.localAdvice : undefined;
  const system = systemReason(error);
  const reason = advice ?? (system && `The data folder cannot be used: ${system}.`);
  if (reason === undefined) throw error;
  const isForbidden = ["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
  return new AppError("start", `${file}: ${reason}`, {
    ...(isForbidden && {
      hint: "Run it as the folder's owner, or choose another with --data-dir.",
    }),
    cause: error,
  });
}
