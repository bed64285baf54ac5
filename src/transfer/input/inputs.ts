// The files of an import: what a person names may be a file, a folder, or an archive as it was downloaded. A file that
// cannot be used fails when it is opened, so that the others come in.
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Entry, ZipFile } from "yauzl";
import { AppError } from "../../lib/errors.ts";
import type { Bytes } from "./bytes.ts";
import {
  byName,
  type Found,
  filesOf,
  isForgotten,
  MAX_FILES,
  READABLE,
  tooMany,
  unreadable,
  WEB_PAGE,
} from "./folders.ts";

export interface Input {
  /** Name for people; a path within the folder or archive that was named. */
  name: string;
  /** The path of a file that lies on the disk as it is read. */
  path: string | undefined;
  /** True for a file that was named, not found in a folder or an archive. */
  isNamed: boolean;
  /** True for a file whose name tells nothing of its kind. It is left alone unless conversations are in it. */
  isGuess: boolean;
  /** @throws AppError `invalid` or `limit` for a file that cannot be used */
  open(): Promise<Opened>;
}

export interface Opened {
  bytes: Bytes;
  /** Frees the file, which a reader may leave before its end. */
  close(): void;
}

export interface InputOptions {
  /** Called with the number of bytes read so far, and of all. It may throw to end the reading. */
  onBytes(done: number, total: number): void;
  /** Keeps bytes in a temporary file, and returns its path: an archive within an archive is read from there. */
  keep(bytes: Bytes): Promise<string>;
}

const CHUNK = 256 * 1024; // bytes
/** Most archives around a file. */
const MAX_AROUND = 3;
const ARCHIVE = /\.zip$/i;

/** @throws AppError `limit` for too many files */
export async function* inputsOf(
  paths: readonly string[],
  { onBytes, keep }: InputOptions,
): AsyncGenerator<Input> {
  const found: Found[] = [];
  for (const path of paths) found.push(...(await filesOf(path)));
  const total = found.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const advance = (count: number): void => onBytes((done += count), total);
  for (const file of found) {
    const before = done;
    const archive = await archiveOf(file);
    if (archive instanceof AppError) yield unusable(file, archive);
    else if (archive) yield* entriesOf(file, { advance, keep, around: 1 });
    else
      yield {
        ...{ name: file.name, path: file.path, isNamed: file.isNamed, isGuess: file.isGuess },
        open: () =>
          Promise.resolve(opened(createReadStream(file.path, { highWaterMark: CHUNK }), advance)),
      };
    done = before + file.size;
    onBytes(done, total);
  }
}

/** A file that fails with this error when it is opened. */
const unusable = ({ name, isNamed }: Pick<Found, "name" | "isNamed">, error: unknown): Input => ({
  ...{ name, path: undefined, isNamed, isGuess: false },
  open: () => {
    throw error;
  },
});

/** ZIP's marks: of an archive, and of an empty one. */
const ZIP: readonly string[] = ["PK\u0003\u0004", "PK\u0005\u0006"];

/** True for an archive. An error for a file that cannot be read. */
async function archiveOf({ path, fault }: Found): Promise<boolean | AppError> {
  if (fault !== undefined) return fault;
  try {
    await using handle = await open(path, "r");
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return ZIP.includes(buffer.toString("latin1"));
  } catch (error) {
    return unreadable(error);
  }
}

interface Around {
  advance(count: number): void;
  keep: InputOptions["keep"];
  /** Number of archives around the entries. */
  around: number;
}

async function* entriesOf(
  file: Pick<Found, "path" | "name" | "isNamed">,
  { advance, keep, around }: Around,
): AsyncGenerator<Input> {
  let archive: ZipFile | undefined;
  try {
    let entries: Entry[];
    try {
      archive = await openArchive(file.path);
      entries = await readableEntries(archive, file.isNamed);
    } catch (error) {
      yield unusable(file, error);
      return;
    }
    const isNamed = file.isNamed && archive.entryCount === 1;
    for (const entry of entries) {
      const open = openEntry(archive, entry, advance);
      const isGuess = WEB_PAGE.test(entry.fileName);
      const input = {
        ...{ name: `${file.name}/${entry.fileName}`, path: undefined, isNamed, isGuess },
        open,
      };
      if (ARCHIVE.test(entry.fileName)) yield* within(input, { advance, keep, around: around + 1 });
      else yield input;
    }
  } finally {
    archive?.close();
  }
}

/** The files in an archive within an archive. */
async function* within(input: Input, { keep, around }: Around): AsyncGenerator<Input> {
  let path: string;
  try {
    if (around > MAX_AROUND)
      throw new AppError("invalid", "It lies within too many archives: unpack the outer ones.");
    const { bytes, close } = await input.open();
    path = await keep(bytes).finally(close);
  } catch (error) {
    yield unusable(input, error);
    return;
  }
  // Its bytes count already.
  yield* entriesOf({ ...input, path }, { advance: () => undefined, keep, around });
}

const openEntry =
  (archive: ZipFile, entry: Entry, advance: (count: number) => void) =>
  async (): Promise<Opened> => {
    // Count packed bytes, of which the progress is told.
    const rate = entry.compressedSize / Math.max(1, entry.uncompressedSize);
    const take = (count: number): void => advance(Math.floor(count * rate));
    return opened(await streamOf(archive, entry), take, damaged);
  };

/** @throws AppError `invalid` for a named archive without any readable file */
async function readableEntries(archive: ZipFile, isNamed: boolean): Promise<Entry[]> {
  if (archive.entryCount > MAX_FILES) throw tooMany();
  const found: Entry[] = [];
  try {
    for await (const entry of archive.eachEntry())
      if (
        [READABLE, ARCHIVE, WEB_PAGE].some((ending) => ending.test(entry.fileName)) &&
        !isForgotten(entry.fileName)
      )
        found.push(entry);
  } catch (error) {
    throw damaged(error);
  }
  if (found.length > 0 || !isNamed) return found.toSorted((a, b) => byName(named(a), named(b)));
  throw new AppError("invalid", "The archive holds no .json, .jsonl or .html file.");
}

const named = ({ fileName }: Entry): { name: string } => ({ name: fileName });

async function openArchive(path: string): Promise<ZipFile> {
  const { openPromise } = (await import("yauzl")).default;
  try {
    return await openPromise(path, { autoClose: false, lazyEntries: true });
  } catch (error) {
    throw damaged(error);
  }
}

async function streamOf(archive: ZipFile, entry: Entry): Promise<Readable> {
  if (entry.isEncrypted())
    throw new AppError("invalid", "The archive is encrypted: unpack it first.");
  try {
    return await archive.openReadStreamPromise(entry);
  } catch (error) {
    throw damaged(error);
  }
}

/** `onError` makes an error of the stream the file's own. */
const opened = (
  stream: Readable,
  take: (count: number) => void,
  onError: (error: unknown) => unknown = unreadable,
): Opened => ({
  bytes: watched(repaired(stream, onError), take),
  close: () => void stream.destroy(),
});

async function* watched(bytes: Bytes, take: (count: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    take(chunk.length);
    yield chunk;
  }
}

async function* repaired(
  stream: Readable,
  onError: (error: unknown) => unknown,
): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    throw onError(error);
  }
}

const damaged = (cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError("invalid", "The archive is damaged or cut off.", { cause });
