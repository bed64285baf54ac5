// Where an export goes: standard output, or a file that is there when it is whole.
import { once } from "node:events";
import { createWriteStream, existsSync, lstatSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { AppError } from "../../kernel/errors.ts";
import type { Output } from "../terminal.ts";

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

/** Conversations are private: the file is for its owner alone. @throws AppError `start` */
export async function writeFileWhole(
  file: string,
  texts: AsyncIterable<string>,
  force: boolean,
): Promise<void> {
  const special = isSpecial(file);
  if (!special && !force && existsSync(file))
    throw new AppError("start", `${file}: This file is there already.`, {
      hint: "Name another one, or replace it with --force.",
    });
  const target = special ? file : `${file}.${process.pid}.partial`;
  const stream = createWriteStream(target, { mode: 0o600, flush: !special });
  const failed = new Promise<never>((_, reject) => stream.once("error", reject));
  failed.catch(() => undefined); // looked at below
  try {
    await Promise.race([failed, once(stream, "open")]);
    if (!(await writeAll(stream, texts))) await failed;
    stream.end();
    await Promise.race([failed, once(stream, "close")]);
    if (!special) await rename(target, file);
  } catch (error) {
    stream.destroy();
    if (!special) await rm(target, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof AppError || code === undefined) throw error;
    throw new AppError("start", `${file}: the file cannot be written (${code}).`, { cause: error });
  }
}

/** A pipe or a device, which cannot be replaced. */
function isSpecial(file: string): boolean {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}
