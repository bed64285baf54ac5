// A file that can be read twice: a named one, or a temporary copy of standard input.
import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../lib/errors.ts";
import { systemReason, temporaryFolderUnusable } from "../../lib/system-errors.ts";

/** Call `use` with the path of a file. `-` stands for `input`. @throws AppError `start` if it cannot be read */
export async function withFile<T>(
  name: string,
  input: () => NodeJS.ReadableStream,
  signal: AbortSignal,
  use: (file: string) => Promise<T>,
): Promise<T> {
  if (name !== "-" && (await isPlainFile(name))) return use(name);
  const folder = await makeFolder();
  try {
    const file = join(folder, "input");
    const source = name === "-" ? input() : createReadStream(name);
    await pipeline(source, createWriteStream(file, { mode: 0o600 }), { signal });
    return await use(file);
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOSPC" || code === "EDQUOT" ? temporaryFolderUnusable(error) : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Create a folder for its owner alone. */
async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "holdfast-import-"));
  } catch (error) {
    throw temporaryFolderUnusable(error);
  }
}

/** False for a pipe, which can be read only once. */
async function isPlainFile(name: string): Promise<boolean> {
  try {
    await access(name, constants.R_OK);
    const found = await stat(name);
    if (found.isDirectory()) throw Object.assign(new Error(name), { code: "EISDIR" });
    return found.isFile();
  } catch (error) {
    const reason = systemReason(error) ?? "unknown";
    throw new AppError("start", `${name}: the file cannot be read: ${reason}.`, { cause: error });
  }
}
