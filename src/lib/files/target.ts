// Names of files to write, as a user gives them.
import { lstatSync, realpathSync, statSync } from "node:fs";
import { AppError } from "../errors.ts";

/**
 * The file to write for a name; a link is followed, so that it stays a link. `special` is a pipe or a device, which
 * must not be replaced.
 * @throws AppError `conflict` for a dangling link
 */
export function findTarget(name: string): {
  file: string;
  kind: "none" | "file" | "folder" | "special";
} {
  const found = statSync(name, { throwIfNoEntry: false });
  if (found === undefined) {
    if (lstatSync(name, { throwIfNoEntry: false }) === undefined)
      return { file: name, kind: "none" };
    throw new AppError("conflict", `${name}: this link leads nowhere.`, {
      hint: "Name the file itself.",
    });
  }
  if (!found.isFile()) return { file: name, kind: found.isDirectory() ? "folder" : "special" };
  return { file: realpathSync(name), kind: "file" };
}

/** Names of backups in a folder: see `timestamp`. */
export const DATED_BACKUP = /^holdfast-\d{8}T\d{6}Z\.db$/;

/** A time for names of files: `20261122T133700Z`. */
export const timestamp = (at = new Date()): string => at.toISOString().replace(/[-:]|\.\d+/g, "");
