// Room on a disk.
import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import bytes from "bytes";
import { AppError } from "../errors.ts";

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

/** A size for people: `12.3MB`. */
export const sizeText = (size: number): string =>
  bytes.format(size, { decimalPlaces: 1 }) ?? `${size}B`;
