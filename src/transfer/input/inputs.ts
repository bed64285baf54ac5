// The files of an import: what a person names may be a file, a folder, or an archive as it was downloaded. A file that
// cannot be used fails when it is opened, so that the others come in.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { AppError } from "../../lib/errors.ts";
import type { Bytes } from "./bytes.ts";
import { ARCHIVE, type Found, filesOf, unreadable } from "./folders.ts";
import { damaged, type Input, plain, unusable } from "./opened.ts";
import { isPackedTar, isTar, TAR_HEAD, tarred } from "./tar.ts";
import { zipped } from "./zip.ts";

export interface InputOptions {
  /** Called with the number of bytes read so far, and of all. It may throw to end the reading. */
  onBytes(done: number, total: number): void;
  /** Bounds unpacked bytes. */
  counted(bytes: Bytes): Bytes;
  /** Writes bytes into a temporary file, and returns its path: an archive within an archive is read from there. */
  store(bytes: Bytes): Promise<string>;
}

/** Most archives around a file. */
const MAX_AROUND = 3;

/** @throws AppError `limit` for too many files */
export async function* inputsOf(
  paths: readonly string[],
  { onBytes, counted, store }: InputOptions,
): AsyncGenerator<Input> {
  const found: Found[] = [];
  for (const path of paths) found.push(...(await filesOf(path)));
  const total = found.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const advance = (count: number): void => onBytes((done += count), total);
  for (const file of found) {
    const before = done;
    const kind = file.fault ?? (await kindOf(file.path));
    if (kind instanceof AppError) yield unusable(file, kind);
    else if (kind === "file") yield plain(file, { isGuess: file.isGuess, advance });
    else yield* entriesOf(file, kind, { advance, counted, store, around: 1 });
    done = before + file.size;
    onBytes(done, total);
  }
}

/** ZIP's marks: of an archive, and of an empty one. */
const ZIP: readonly string[] = ["PK\u0003\u0004", "PK\u0005\u0006"];
const GZIP = 0x1f8b;

/** What a file is by its content. An error for a file that cannot be read. */
async function kindOf(path: string): Promise<"zip" | "tar" | "file" | AppError> {
  try {
    await using handle = await open(path, "r");
    const { buffer } = await handle.read(Buffer.alloc(TAR_HEAD), 0, TAR_HEAD, 0);
    if (ZIP.includes(buffer.toString("latin1", 0, 4))) return "zip";
    if (isTar(buffer)) return "tar";
    return buffer.readUInt16BE() === GZIP && (await isPackedTar(createReadStream(path)))
      ? "tar"
      : "file";
  } catch (error) {
    return unreadable(error);
  }
}

interface Around {
  advance(count: number): void;
  counted: InputOptions["counted"];
  store: InputOptions["store"];
  /** Number of archives around the entries. */
  around: number;
}

/** The files in an archive, and those in archives within it. */
async function* entriesOf(
  file: Pick<Found, "path" | "name" | "isNamed">,
  kind: "zip" | "tar",
  around: Around,
): AsyncGenerator<Input> {
  const inputs =
    kind === "zip" ? zipped(file, around.advance) : tarred(file, around.advance, around);
  for await (const input of inputs)
    if (input.isPart && ARCHIVE.test(input.name))
      yield* within(input, { ...around, around: around.around + 1 });
    else yield input;
}

/** The files in an archive within an archive. */
async function* within(input: Input, around: Around): AsyncGenerator<Input> {
  let path: string;
  let kind: Awaited<ReturnType<typeof kindOf>>;
  try {
    if (around.around > MAX_AROUND)
      throw new AppError("invalid", "It lies within too many archives: unpack the outer ones.");
    path = input.path ?? (await unpacked(input, around));
    kind = await kindOf(path);
    if (kind instanceof AppError) throw kind;
    if (kind === "file") throw damaged(undefined);
  } catch (error) {
    yield unusable(input, error);
    return;
  }
  // Its bytes count already.
  yield* entriesOf({ ...input, path }, kind, { ...around, advance: () => undefined });
}

async function unpacked(input: Input, { counted, store }: Around): Promise<string> {
  const { bytes, close } = await input.open();
  return store(counted(bytes)).finally(close);
}
