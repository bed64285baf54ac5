// Files beside the database: private, on disk before they have their final name, and never half written under it.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import bytes from "bytes";
import { AppError } from "../../../lib/errors.ts";
import { atFile } from "../../../lib/system-errors.ts";

/** What SQLite keeps beside a database while it is open or after a crash. */
export const SIDE_FILES = ["-wal", "-shm", "-journal"] as const;

/**
 * The file that a name stands for, where one is to be written: a link is written through, so that it stays a link.
 * `special`: a pipe or a device, in whose place nothing may be put.
 * @throws AppError `conflict` for a link that leads nowhere
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

/** A file that was not written to for so long belongs to a program that was killed. */
const ABANDONED_MS = 60_000;

/**
 * Has `write` fill an empty, private file beside `target`, and gives it that name when it is on disk. Whatever happens,
 * `target` is the old file or the new one.
 * @throws AppError that names the file
 */
export async function writeWhole<T>(
  target: string,
  write: (partial: string) => T | Promise<T>,
): Promise<T> {
  const rights = dropToOwner(dirname(target));
  try {
    const partial = createPartial(target);
    try {
      const result = await write(partial);
      settle(partial, target);
      return result;
    } catch (error) {
      removeDatabase(partial);
      throw atFile(target, error);
    }
  } finally {
    rights.restore();
  }
}

/** An empty file that only its owner may read. What killed programs left of the same kind goes. */
export function createPartial(target: string): string {
  const [folder, prefix] = [dirname(target), `${basename(target)}.partial-`];
  const partial = join(folder, `${prefix}${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    for (const name of readdirSync(folder).filter((name) => name.startsWith(prefix))) {
      const found = lstatSync(join(folder, name), { throwIfNoEntry: false });
      const abandoned =
        found?.uid === process.geteuid?.() && Date.now() - found!.mtimeMs > ABANDONED_MS;
      if (abandoned) rmSync(join(folder, name), { force: true });
    }
    closeSync(openSync(partial, "wx", 0o600));
    return partial;
  } catch (error) {
    throw atFile(target, error);
  }
}

/** Syncs a file and gives it its name, durably. */
export function settle(partial: string, target: string): void {
  leaveToOwner(partial);
  syncPath(partial);
  renameSync(partial, target);
  syncFolder(dirname(target));
}

export function syncFolder(folder: string): void {
  if (process.platform !== "win32") syncPath(folder); // folders cannot be synced there
}

function syncPath(path: string): void {
  const descriptor = openSync(path, process.platform === "win32" ? "r+" : "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * What root has made for somebody else belongs to that user, who owns the folder it is in, and may have put something
 * else in its place: only a file or folder of root's own is given away, by its descriptor, and no link is followed.
 */
export function leaveToOwner(file: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(file));
  if (uid === 0) return;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const descriptor = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    const made = found.isDirectory() || (found.isFile() && found.nlink === 1);
    if (made && found.uid === 0) fchownSync(descriptor, uid, gid);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * From here to `restore`, root works as the user whom `folder` belongs to: whatever that user puts into it meanwhile,
 * nothing of root's can be read, written or given away through it. What is open stays open.
 */
export function dropToOwner(folder: string): { restore(): void } {
  const { geteuid, getegid, getgroups, setgroups, setegid, seteuid } = process;
  const found = statSync(folder, { throwIfNoEntry: false });
  if (geteuid?.() !== 0 || !setgroups || !setegid || !seteuid || !found || found.uid === 0)
    return { restore: () => undefined };
  const [gid, groups] = [getegid!(), getgroups!()];
  setgroups([found.gid]);
  setegid(found.gid);
  seteuid(found.uid);
  return {
    restore() {
      seteuid(0);
      setegid(gid);
      setgroups(groups);
    },
  };
}

/** Removes a database that nobody uses, with all that SQLite keeps beside it. */
export function removeDatabase(file: string): void {
  for (const suffix of ["", ...SIDE_FILES]) rmSync(`${file}${suffix}`, { force: true });
}

/** The bytes of a database and of its write-ahead log. */
export function databaseBytes(file: string): number {
  return ["", "-wal"].reduce(
    (sum, suffix) => sum + (statSync(`${file}${suffix}`, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Of the file system that holds `folder`, for this user; undefined where nobody can tell. */
export function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** @throws AppError `storage_full` when a file of `needed` bytes would not fit */
export function requireRoom(target: string, needed: number): void {
  const folder = dirname(target);
  const free = existsSync(folder) ? freeBytes(folder) : undefined;
  if (free === undefined || free >= needed) return;
  throw new AppError(
    "storage_full",
    `${target}: there is no room: it needs ${sizeText(needed)}, and ${sizeText(free)} are free.`,
    { hint: "Free some space." },
  );
}

/** Of a moment, for the names of files: `20261122T133700Z`. */
export const timestamp = (at = new Date()): string => at.toISOString().replace(/[-:]|\.\d+/g, "");

/** `12.3MB` */
export const sizeText = (size: number): string =>
  bytes.format(size, { decimalPlaces: 1 }) ?? `${size}B`;
