// Restoring a backup. The backup is copied into the data folder and checked there before anything is replaced. The old
// database is kept beside the new one.
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { AppError } from "../../../lib/errors.ts";
import { dropToOwner } from "../../../lib/files/owner.ts";
import { requireRoom } from "../../../lib/files/room.ts";
import { timestamp } from "../../../lib/files/target.ts";
import { createPartial, settle, syncFolder } from "../../../lib/files/whole-file.ts";
import { atFile } from "../../../lib/system-errors.ts";
import { cannotOpen, makeFolder, openExisting } from "../engine/connection.ts";
import { fromSqlite } from "../engine/errors.ts";
import { expectOurs } from "../engine/identity.ts";
import { appliedVersion, refuseNewer } from "../schema/migrate.ts";
import { type Claim, claim } from "./claim.ts";
import { type Contents, finishCopy } from "./copy.ts";
import { databaseBytes, removeDatabase, SIDE_FILES } from "./files.ts";
import { hasCredentials, repeatRevocations } from "./revocations.ts";

/** Bytes per read of a copy. */
const COPY_BYTES = 1 << 20;

export interface RestoreOptions {
  /** The path of the backup. */
  source: string;
  /** The path of the database to make. */
  target: string;
  /** Replaces an existing database. */
  force?: boolean | undefined;
}

export interface Restored extends Contents {
  file: string;
  bytes: number;
  /** The path of the old database; null if there was none. */
  kept: string | null;
  /** Number of keys, passkeys and grants that the old database had revoked since; null if it cannot be told. */
  revoked: number | null;
}

/** @throws AppError that names the file and says what to do; the data folder is then unchanged */
export function restore({ source, target, force = false }: RestoreOptions): Restored {
  const backup = resolve(source);
  checkSource(backup, target);
  checkTarget(target);
  if (existsSync(target) && !force) {
    throw new AppError("conflict", `${target}: there is a database already.`, {
      hint: "--force replaces it and keeps it beside the new one.",
    });
  }
  prepareFolder(backup, target);
  const sources = openSources(backup);
  const rights = dropToOwner(dirname(target));
  try {
    return putInPlace(sources, backup, target);
  } finally {
    rights.restore();
    for (const { descriptor } of sources) closeSync(descriptor);
  }
}

function putInPlace(sources: readonly Source[], backup: string, target: string): Restored {
  const made = copyOf(sources, backup, target);
  try {
    const contents = check(made, backup);
    const replaced = replace(target, made);
    return { file: target, bytes: statSync(target).size, ...replaced, ...contents };
  } catch (error) {
    removeDatabase(made);
    throw atFile(target, fromSqlite(error));
  }
}

function checkSource(backup: string, target: string): void {
  const found = statSync(backup, { throwIfNoEntry: false });
  if (found === undefined) throw new AppError("not_found", `${backup}: there is no such file.`);
  if (!found.isFile()) throw new AppError("invalid", `${backup}: this is no file.`);
  if (existsSync(target) && realpathSync(backup) === realpathSync(target)) {
    throw new AppError("conflict", `${backup}: this is the database itself.`);
  }
}

/** Refuses to replace a link, a pipe or a folder. */
function checkTarget(target: string): void {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined || found.isFile()) return;
  throw new AppError("conflict", `${target}: this is no file.`, {
    hint: found.isSymbolicLink()
      ? "It is a link: name the folder that it leads to with --data-dir."
      : "Take it away, or name another folder with --data-dir.",
  });
}

/** A file of the backup: the database, or the log beside it. */
interface Source {
  suffix: string;
  descriptor: number;
}

/** Opens the backup before root drops its rights, because root may own the backup. */
function openSources(backup: string): Source[] {
  try {
    return ["", "-wal"]
      .filter((suffix) => suffix === "" || existsSync(`${backup}${suffix}`))
      .map((suffix) => ({ suffix, descriptor: openSync(`${backup}${suffix}`, "r") }));
  } catch (error) {
    throw atFile(backup, error);
  }
}

function prepareFolder(backup: string, target: string): void {
  try {
    makeFolder(dirname(target));
    requireRoom(target, databaseBytes(backup));
  } catch (error) {
    throw cannotOpen(target, error);
  }
}

/** A private copy of the backup in the data folder. */
function copyOf(sources: readonly Source[], backup: string, target: string): string {
  const made = createPartial(target);
  try {
    for (const { suffix, descriptor } of sources) copyInto(`${made}${suffix}`, descriptor);
    return made;
  } catch (error) {
    removeDatabase(made);
    throw atFile(backup, error);
  }
}

function copyInto(file: string, source: number): void {
  const descriptor = openSync(file, "w", 0o600);
  try {
    const piece = Buffer.alloc(COPY_BYTES);
    for (let read = readSync(source, piece); read > 0; read = readSync(source, piece))
      writeFileSync(descriptor, piece.subarray(0, read));
  } finally {
    closeSync(descriptor);
  }
}

/** @throws AppError for a file that is no database of Holdfast, is damaged, or is newer than this program */
function check(made: string, backup: string): Contents {
  try {
    const database = openExisting(made);
    try {
      expectOurs(database);
      refuseNewer(database, appliedVersion(database));
    } finally {
      database.close();
    }
    // Count the restore as activity, or the next start would find old sessions due.
    return finishCopy(made, { thorough: true, usedAt: Date.now() });
  } catch (error) {
    const known = fromSqlite(error);
    if (!(known instanceof AppError)) throw error;
    // Name the backup, not its temporary copy.
    const message = known.message.replace(`${made}: `, "");
    throw new AppError(known.code, `${backup}: ${message}`, {
      hint:
        known.code === "storage" ? "Restore another backup." : (known.hint ?? "Name another file."),
      cause: error,
    });
  }
}

/** Renames `made` to `target`, with the revocations of the old database; returns the old one's new name. */
function replace(target: string, made: string): Pick<Restored, "kept" | "revoked"> {
  const claimed: Claim | undefined = existsSync(target) ? claim(target) : undefined;
  try {
    const repeated = claimed && repeatRevocations(claimed.database, made);
    const revoked = repeated ?? (hasCredentials(made) ? null : 0);
    const old = ["", ...SIDE_FILES].filter((suffix) => existsSync(`${target}${suffix}`));
    const kept = freeName(`${target}.before-restore-${timestamp()}`);
    // With an empty log, keep the old database by a second name: `target` then exists at every moment.
    if (old.join() === "" && old.length === 1 && hasSecondName(target, kept)) {
      syncFolder(dirname(target));
      settle(made, target);
      return { kept, revoked };
    }
    // Rename the logs first: SQLite would take an old log beside the new database for its own.
    for (const suffix of old.toReversed()) renameSync(`${target}${suffix}`, `${kept}${suffix}`);
    rmSync(`${kept}-shm`, { force: true });
    syncFolder(dirname(target));
    settle(made, target);
    return { kept: old.includes("") ? kept : null, revoked };
  } finally {
    claimed?.release();
  }
}

/** Tries to give a file a second name; not every file system allows this. */
function hasSecondName(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch {
    return false;
  }
}

/** A free name, because two restores in one second must keep two files. */
function freeName(name: string): string {
  let free = name;
  for (let n = 2; existsSync(free); n += 1) free = `${name}-${n}`;
  return free;
}
