// The files of a database: the file itself, and those that SQLite keeps beside it.
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** The path of the database in a data folder. */
export const databaseFile = (folder: string): string => join(folder, "holdfast.db");

/** True if the data folder holds a database. */
export const hasDatabase = (folder: string): boolean => existsSync(databaseFile(folder));

/** SQLite's files beside a database that is open, or that a crash has left. */
export const SIDE_FILES = ["-wal", "-shm", "-journal"] as const;

/** Removes an unused database with SQLite's files beside it. */
export function removeDatabase(file: string): void {
  for (const suffix of ["", ...SIDE_FILES]) rmSync(`${file}${suffix}`, { force: true });
}

/** The size of a database and its write-ahead log, in bytes. */
export function databaseBytes(file: string): number {
  return ["", "-wal"].reduce(
    (sum, suffix) => sum + (statSync(`${file}${suffix}`, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
