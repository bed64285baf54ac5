// Files that are private, synced before they get their final name, and never half written under it.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { atFile } from "../system-errors.ts";
import { dropToOwner, leaveToOwner } from "./owner.ts";

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
      removeBeside(partial);
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

/** Removes a partial file, and the files that a database library has put beside it. */
function removeBeside(partial: string): void {
  const folder = dirname(partial);
  for (const name of readdirSync(folder))
    if (name.startsWith(basename(partial))) rmSync(join(folder, name), { force: true });
}
