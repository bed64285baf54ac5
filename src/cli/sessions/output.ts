// Where an export goes: standard output, or a file that is there when it is whole.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { AppError } from "../../lib/errors.ts";
import { systemReason } from "../../lib/system-errors.ts";
import { findTarget, writeWhole } from "../../storage/sqlite/admin/files.ts";
import type { Output, Terminal } from "../terminal/terminal.ts";

const CHUNK = 64 * 1024; // characters

/** Writes no faster than the reader reads. Resolves to false when the reader has gone away. */
export async function writeAll(output: Output, texts: AsyncIterable<string>): Promise<boolean> {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  output.once("error", leave).once("close", leave);
  const write = async (text: string): Promise<void> => {
    if (output.write(text)) return;
    await once(output, "drain", { signal: gone.signal }).catch(() => undefined);
  };
  let text = "";
  for await (const more of texts) {
    text += more;
    if (text.length < CHUNK) continue;
    await write(text);
    text = "";
    if (gone.signal.aborted) return false;
  }
  if (text !== "") await write(text);
  output.removeListener("error", leave).removeListener("close", leave);
  return !gone.signal.aborted;
}

/** Conversations are private: the file is for its owner alone. A pipe or a device is written to as it is. @throws AppError */
export async function writeFileWhole(
  name: string,
  texts: AsyncIterable<string>,
  force: boolean,
): Promise<void> {
  const { file, kind } = findTarget(name);
  const special = kind === "special";
  if (kind === "folder")
    throw new AppError("start", `${file}: this is a folder.`, { hint: "Name a file in it." });
  if (kind === "file" && !force)
    throw new AppError("start", `${file}: This file is there already.`, {
      hint: "Name another one, or replace it with --force.",
    });
  if (special) await fill(file, texts, { file, special });
  else await writeWhole(file, (partial) => fill(partial, texts, { file, special }));
}

/** `file`: its name for people. */
async function fill(
  target: string,
  texts: AsyncIterable<string>,
  { file, special }: { file: string; special: boolean },
): Promise<void> {
  const stream = createWriteStream(target, { flags: special ? "w" : "r+", flush: !special });
  const failed = new Promise<never>((_, reject) => stream.once("error", reject));
  failed.catch(() => undefined); // looked at below
  try {
    await Promise.race([failed, once(stream, "open")]);
    if (!(await writeAll(stream, texts))) await failed;
    stream.end();
    await Promise.race([failed, once(stream, "close")]);
  } catch (error) {
    stream.destroy();
    const reason = systemReason(error);
    if (error instanceof AppError || reason === undefined) throw error;
    throw new AppError("start", `${file}: the file cannot be written: ${reason}.`, {
      cause: error,
    });
  }
}

/**
 * Aborts, with an error that says so, on Ctrl+C: long work ends at the next good place and removes its temporary files. A
 * second Ctrl+C ends the program at once.
 */
export function stopSignal(terminal: Terminal, hint: string): AbortSignal {
  const stopping = new AbortController();
  terminal.onStop(() => {
    stopping.abort(new AppError("unavailable", "Stopped before the end.", { hint }));
    return Promise.resolve();
  });
  return stopping.signal;
}
