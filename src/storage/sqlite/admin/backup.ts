// A backup: a copy of the database in one file, made beside a running server, and checked before it gets its name.
import {
  existsSync,
  lstatSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AppError } from "../../../lib/errors.ts";
import { requireRoom } from "../../../lib/files/room.ts";
import { DATED_BACKUP, findTarget, timestamp } from "../../../lib/files/target.ts";
import { createPartial, writeWhole } from "../../../lib/files/whole-file.ts";
import { openExisting } from "../engine/connection.ts";
import { fromSqlite } from "../engine/errors.ts";
import { expectOurs } from "../engine/identity.ts";
import { noteBackup } from "./backup-note.ts";
import { type Contents, copyDatabase, type CopyOptions, finishCopy, packCopy } from "./copy.ts";
import { databaseBytes, removeDatabase, SIDE_FILES } from "./files.ts";

export interface BackupOptions extends CopyOptions {
  /** The path of the database. */
  source: string;
  /** The file to make, or a folder; the time then names the file in it. */
  target: string;
  /** Replaces an existing file. */
  force?: boolean | undefined;
  /** Number of dated backups to keep in the folder, the newest ones. Default: all. */
  keep?: number | undefined;
}

export interface Backup extends Contents {
  file: string;
  bytes: number;
  /** The deleted older backups. */
  removed: string[];
}

/** @throws AppError that names the file and says what to do */
export async function backUp({
  source,
  target,
  force,
  keep,
  ...options
}: BackupOptions): Promise<Backup> {
  const { file, isDated } = findFile(resolve(target));
  if (keep !== undefined && !isDated) {
    if (!existsSync(file)) throw noFolder(file);
    throw new AppError("invalid", `${file}: this is no folder.`, {
      hint: "--keep wants a folder, in which the files are named by their time.",
    });
  }
  const database = openExisting(source);
  try {
    expectOurs(database);
    checkTarget(file, source, force ?? false);
    requireRoom(file, 2 * databaseBytes(source)); // the copy, and the packed file made from it
    const contents = await writeWhole(file, async (partial) => {
      await copyDatabase(database, partial, options);
      const contents = finishCopy(partial);
      const packed = createPartial(file);
      try {
        packCopy(partial, packed);
        renameSync(packed, partial);
      } finally {
        removeDatabase(packed);
      }
      // Delete an earlier file's log here: SQLite would take it for the new file's log.
      for (const suffix of SIDE_FILES) rmSync(`${file}${suffix}`, { force: true });
      return contents;
    });
    noteBackup(database, file);
    const removed = keep === undefined ? [] : removeOld(file, keep);
    return { file, bytes: statSync(file).size, ...contents, removed };
  } catch (error) {
    throw fromSqlite(error);
  } finally {
    database.close();
  }
}

/** @throws AppError `conflict` for a pipe, a device or a link that leads nowhere */
function findFile(target: string): { file: string; isDated: boolean } {
  const { file, kind } = findTarget(target);
  if (kind === "special") {
    throw new AppError("conflict", `${file}: this is a pipe or a device, and stays one.`, {
      hint: "Name a file.",
    });
  }
  if (kind === "folder") return { file: join(file, `holdfast-${timestamp()}.db`), isDated: true };
  return { file, isDated: false };
}

/**
 * Deletes older dated backups. Other names and special files stay, and so does the new file, whatever the clock says.
 */
function removeOld(made: string, keep: number): string[] {
  const folder = dirname(made);
  const old = readdirSync(folder)
    .filter((name) => DATED_BACKUP.test(name) && name !== basename(made))
    .filter((name) => lstatSync(join(folder, name)).isFile())
    .toSorted()
    .toReversed()
    .slice(Math.max(keep - 1, 0))
    .map((name) => join(folder, name));
  for (const file of old) removeDatabase(file);
  return old;
}

const noFolder = (folder: string): AppError =>
  new AppError("not_found", `${folder}: there is no such folder.`, {
    hint: "Make it, or name another one.",
  });

function checkTarget(file: string, source: string, force: boolean): void {
  const folder = dirname(file);
  if (!existsSync(folder)) throw noFolder(folder);
  const own = ["", ...SIDE_FILES].map((suffix) => `${realpathSync(source)}${suffix}`);
  if (own.includes(join(realpathSync(folder), basename(file)))) {
    throw new AppError("conflict", `${file}: this is the database itself.`, {
      hint: "Name another file.",
    });
  }
  const there = ["", ...SIDE_FILES].map((suffix) => `${file}${suffix}`).filter(existsSync);
  if (there.length === 0 || force) return;
  throw new AppError("conflict", `${there[0]}: this file is there already.`, {
    hint: "Name another one, or replace it with --force.",
  });
}
