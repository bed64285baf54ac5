// Files that can be read twice: named ones, or temporary copies of standard input and of pipes.
import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError } from "../../lib/errors.ts";
import { systemReason, temporaryFolderUnusable } from "../../lib/system-errors.ts";

/** Call `use` with the paths of files and folders. `-` stands for `input`. @throws AppError `start` if the only one cannot be read */
export async function withFiles<T>(
  names: readonly string[],
  input: () => NodeJS.ReadableStream,
  signal: AbortSignal,
  use: (files: readonly string[]) => Promise<T>,
): Promise<T> {
  await using copies = new AsyncDisposableStack();
  const files: string[] = [];
  for (const name of names)
    files.push(
      name !== "-" && (await isPermanent(name, names.length === 1))
        ? name
        : await copied(name, input, signal, copies),
    );
  return await use(files);
}

async function copied(
  name: string,
  input: () => NodeJS.ReadableStream,
  signal: AbortSignal,
  copies: AsyncDisposableStack,
): Promise<string> {
  const folder = await makeFolder();
  copies.defer(() => rm(folder, { recursive: true, force: true }));
  try {
    const file = join(folder, "input");
    const source = name === "-" ? input() : createReadStream(name);
    await pipeline(source, createWriteStream(file, { mode: 0o600 }), { signal });
    return file;
  } catch (error) {
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    throw code === "ENOSPC" || code === "EDQUOT" ? temporaryFolderUnusable(error) : error;
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

/** False for a pipe, which can be read only once. A missing file among several counts: its reader tells of it. */
async function isPermanent(name: string, isOnly: boolean): Promise<boolean> {
  try {
    await access(name, constants.R_OK);
    const found = await stat(name);
    return found.isFile() || found.isDirectory();
  } catch (error) {
    if (!isOnly) return true;
    const reason = systemReason(error) ?? "unknown";
    throw new AppError("start", `${name}: the file cannot be read: ${reason}.`, { cause: error });
  }
}
