// A ballast file, which keeps room for deletions on a full disk: SQLite writes a deletion into its log first. The file is
// deleted for a deletion, and made again afterwards.
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { AppError } from "../../../lib/errors.ts";
import { leaveToOwner } from "../../../lib/files/owner.ts";
import { freeBytes } from "../../../lib/files/room.ts";
import { fromSqlite } from "../engine/errors.ts";

/** Enough for SQLite's log at its usual size, twice. */
const MOST = 8 << 20; // bytes
const PART_OF_FREE = 4;
/** Less would not hold the pages of one deletion. */
const LEAST = 64 << 10; // bytes

export const ballastFile = (database: string): string =>
  join(dirname(database), "holdfast.ballast");

/** The ballast's size in bytes; 0 without a ballast. */
export const ballastBytes = (database: string): number =>
  statSync(ballastFile(database), { throwIfNoEntry: false })?.size ?? 0;

/** True for a full disk, even in an error that is wrapped to name the file. */
export function isFull(error: unknown): boolean {
  if (error instanceof AppError) return error.code === "storage_full" || isFull(error.cause);
  const known = fromSqlite(error);
  if (known instanceof AppError) return known.code === "storage_full";
  return (error as NodeJS.ErrnoException | undefined)?.code === "ENOSPC";
}

export class Ballast {
  readonly #file: string;
  readonly #database: string;
  /** The size before the release; 0 while the ballast exists, or if there never was one. */
  #owed = 0;

  constructor(database: string) {
    this.#file = ballastFile(database);
    this.#database = database;
  }

  /** The ballast's size in bytes; 0 without a ballast. */
  get size(): number {
    return ballastBytes(this.#database);
  }

  /** Makes the ballast, or enlarges a small one, if the disk has room. */
  make(): void {
    const { size } = this;
    const free = freeBytes(dirname(this.#file)) ?? 0;
    this.#growTo(Math.min(MOST, Math.floor((free + size) / PART_OF_FREE)));
  }

  /** Deletes the ballast; true if there was one. */
  release(): boolean {
    const { size } = this;
    if (size === 0) return false;
    rmSync(this.#file, { force: true });
    this.#owed = size;
    return true;
  }

  /** Makes the ballast as large as before `release`, or as large as the disk allows. */
  restore(): void {
    if (this.#owed === 0) return;
    this.#growTo(Math.min(this.#owed, freeBytes(dirname(this.#file)) ?? 0));
    if (this.size > 0) this.#owed = 0;
  }

  /** Writes the whole file: a file with holes would hold no room. */
  #growTo(target: number): void {
    let { size } = this;
    if (target < LEAST || size >= target) return;
    const isNew = size === 0;
    const block = crypto.getRandomValues(new Uint8Array(LEAST)); // some file systems store zeros as holes
    try {
      const descriptor = openSync(this.#file, "a", 0o600);
      try {
        while (size < target)
          size += writeSync(descriptor, block, 0, Math.min(LEAST, target - size));
      } finally {
        closeSync(descriptor);
      }
      if (isNew) leaveToOwner(this.#file);
    } catch {
      // The disk has become full meanwhile: a smaller one serves too.
    }
  }
}
