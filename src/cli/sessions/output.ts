// The output of an export: standard output, or a file that appears only when it is whole.
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { AppError } from "../../lib/errors.ts";
import { findTarget } from "../../lib/files/target.ts";
import { writeWhole } from "../../lib/files/whole-file.ts";
import { systemReason } from "../../lib/system-errors.ts";
import type { Output, Terminal } from "../terminal/terminal.ts";

const CHUNK = 64 * 1024; // characters

/** Write no faster than the reader reads. Resolves to false when the reader has gone away. */
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

/**
 * Write a file for its owner alone, because conversations are private. A pipe or a device is written to in place.
 * @throws AppError
 */
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

/** `file`: the name for people. */
async function fill(
  target: string,
  texts: AsyncIterable<string>,
  { file, special }: { file: string; special: boolean },
): Promise<void> {
  const stream = createWriteStream(target, { flags: special ? "w" : "r+", flush: !special });
  const failed = new Promise<never>((_, reject) => stream.once("error", reject));
  failed.catch(() => undefined); // awaited below
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
 * A signal that Ctrl+C aborts: long work stops at the next safe point and removes its temporary files. The abort's
 * reason says so. A second Ctrl+C ends the program at once.
 */
export function stopSignal(terminal: Terminal, hint: string): AbortSignal {
  const stopping = new AbortController();
  terminal.onStop(() => {
    stopping.abort(new AppError("unavailable", "Stopped before the end.", { hint }));
    return Promise.resolve();
  });
  return stopping.signal;
}
