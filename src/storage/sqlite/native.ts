// better-sqlite3's native addon inside the single executable: an asset there, a file of the package elsewhere.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";

/** The asset's name, shared with the build script. */
export const ADDON_ASSET = "better_sqlite3.node";

let addon: object | undefined;

/** The loaded addon in the single executable; undefined where the package finds its own. */
export function embeddedAddon(): object | undefined {
  if (!isSea()) return undefined;
  return (addon ??= loadAddon());
}

/** An addon can only be opened from a file: it is written, opened and removed at once. */
function loadAddon(): object {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-"));
  try {
    const file = join(folder, ADDON_ASSET);
    writeFileSync(file, Buffer.from(getRawAsset(ADDON_ASSET)), { mode: 0o700 });
    const module = { exports: {} };
    process.dlopen(module, file);
    return module.exports;
  } finally {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Windows keeps an open library locked; the system cleans its temporary folder.
    }
  }
}
