// A backup: a copy of the database in one file, made beside a running server, checked before it has its name.
import { existsSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AppError } from "../kernel/errors.ts";
import { databaseBytes, requireRoom, SIDE_FILES, writeWhole } from "./files.ts";
import { openExisting } from "./sqlite/connection.ts";
import { copyDatabase, finishCopy, type Contents, type CopyOptions } from "./sqlite/copy.ts";
import { appliedVersion } from "./sqlite/migrate.ts";
import { fromSqlite } from "./sqlite/errors.ts";

export interface BackupOptions extends CopyOptions {
  /** The database. */
  source: string;
  /** The file to make. */
  target: string;
  /** Replaces a file that is there. */
  force?: boolean | undefined;
}

export interface Backup extends Contents {
  file: string;
  bytes: number;
}

/** @throws AppError that names the file and says what to do */
export async function backUp({
  source,
  target,
  force,
  ...options
}: BackupOptions): Promise<Backup> {
  const file = resolve(target);
  const database = openExisting(source);
  try {
    if (appliedVersion(database) === null) {
      throw new AppError("invalid", `${source}: this is no database of Holdfast.`);
    }
    checkTarget(file, source, force ?? false);
    requireRoom(file, databaseBytes(source));
    const contents = await writeWhole(file, async (partial) => {
      await copyDatabase(database, partial, options);
      const contents = finishCopy(partial);
      // A log that an earlier file left there would be taken for the new one's.
      for (const suffix of SIDE_FILES) rmSync(`${file}${suffix}`, { force: true });
      return contents;
    });
    return { file, bytes: statSync(file).size, ...contents };
  } catch (error) {
    throw fromSqlite(error);
  } finally {
    database.close();
  }
}

function checkTarget(file: string, source: string, force: boolean): void {
  const folder = dirname(file);
  if (!existsSync(folder)) {
    throw new AppError("not_found", `${folder}: there is no such folder.`, {
      hint: "Make it, or name another file.",
    });
  }
  const own = ["", ...SIDE_FILES].map((suffix) => `${realpathSync(source)}${suffix}`);
  if (own.includes(join(realpathSync(folder), basename(file)))) {
    throw new AppError("conflict", `${file}: this is the database itself.`, {
      hint: "Name another file.",
    });
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new AppError("conflict", `${file}: this is a folder.`, { hint: "Name a file in it." });
  }
  const there = ["", ...SIDE_FILES].map((suffix) => `${file}${suffix}`).filter(existsSync);
  if (there.length === 0 || force) return;
  throw new AppError("conflict", `${there[0]}: this file is there already.`, {
    hint: "Name another one, or replace it with --force.",
  });
}
