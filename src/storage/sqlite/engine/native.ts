// better-sqlite3's native addon inside the single executable: an asset there, a file of the package elsewhere.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { temporaryFolderUnusable } from "../../../lib/system-errors.ts";

/** The asset's name, shared with the build script. */
export const ADDON_ASSET = "better_sqlite3.node";

let addon: object | undefined;
let addonFile: string | undefined;

/** The loaded addon in the single executable; undefined where the package finds its own. */
export function embeddedAddon(): object | undefined {
  if (!isSea()) return undefined;
  return (addon ??= loadAddon());
}

/**
 * The file that `embeddedAddon` was loaded from. It is gone, but a thread that loads it by this name gets the same library.
 */
export const loadedAddon = (): string | undefined => addonFile;

/**
 * Takes the user's cache folder where the temporary one cannot be used: it is full, read-only or mounted noexec.
 * @throws AppError `start` with one line that names the temporary folder
 */
function loadAddon(): object {
  try {
    return loadFrom(tmpdir());
  } catch (error) {
    try {
      const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
      mkdirSync(cache, { recursive: true, mode: 0o700 });
      return loadFrom(cache);
    } catch {
      throw temporaryFolderUnusable(error);
    }
  }
}

/** An addon can only be opened from a file: it is written, opened and removed at once. */
function loadFrom(parent: string): object {
  const folder = mkdtempSync(join(parent, "holdfast-"));
  try {
    const file = join(folder, ADDON_ASSET);
    writeFileSync(file, Buffer.from(getRawAsset(ADDON_ASSET)), { mode: 0o700 });
    const module = { exports: {} };
    process.dlopen(module, file);
    addonFile = file;
    return module.exports;
  } finally {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Windows keeps an open library locked; the system cleans its temporary folder.
    }
  }
}
