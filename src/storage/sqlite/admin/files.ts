// Files beside the database: private, synced before they get their final name, and never half written under it.
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

/** SQLite's files beside a database that is open, or that a crash has left. */
export const SIDE_FILES = ["-wal", "-shm", "-journal"] as const;

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

/** Time without a write after which a partial file belongs to a killed program. */
const ABANDONED_MS = 60_000;

/**
 * Lets `write` fill an empty, private file beside `target`, and renames the synced file to `target`. At every moment,
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

/** Makes an empty file that only its owner may read. Deletes partial files that killed programs left. */
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

/** Syncs a file and renames it durably. */
export function settle(partial: string, target: string): void {
  leaveToOwner(partial);
  syncPath(partial);
  renameSync(partial, target);
  syncFolder(dirname(target));
}

export function syncFolder(folder: string): void {
  if (process.platform !== "win32") syncPath(folder); // folders cannot be synced on Windows
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
 * Gives a file that root has made to the owner of its folder. That user may have put something else in its place. So
 * only root's own file or folder is given away, by its descriptor, and no link is followed.
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
 * Makes root act as the owner of `folder` until `restore`. Nothing that this user puts there can then make root read,
 * write or give away its own files. Open descriptors stay open.
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

/** Free bytes of the file system of `folder`, for this user; undefined when unknown. */
export function freeBytes(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** @throws AppError `storage_full` when a file of `needed` bytes does not fit */
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

/** A time for names of files: `20261122T133700Z`. */
export const timestamp = (at = new Date()): string => at.toISOString().replace(/[-:]|\.\d+/g, "");

/** A size for people: `12.3MB`. */
export const sizeText = (size: number): string =>
  bytes.format(size, { decimalPlaces: 1 }) ?? `${size}B`;
