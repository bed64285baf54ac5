// The files of an import: what a person names may be a file, a folder, or an archive as it was downloaded.
import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { Readable } from "node:stream";
import type { Entry, ZipFile } from "yauzl";
import { AppError } from "../../lib/errors.ts";
import { counted } from "../../lib/text/plural.ts";
import type { Bytes } from "./bytes.ts";

export interface Input {
  /** Name for people; a path within the folder or archive that was named. */
  name: string;
  /** The path of a file that lies on the disk as it is read. */
  path: string | undefined;
  /** True for a file that was named, not found in a folder or an archive. */
  isNamed: boolean;
  open(): Promise<Opened>;
}

export interface Opened {
  bytes: Bytes;
  /** Frees the file, which a reader may leave before its end. */
  close(): void;
}

const CHUNK = 256 * 1024; // bytes
/** Most files of a folder or an archive. */
const MAX_FILES = 200_000;
const MAX_DEPTH = 12;
/** Endings of files that may hold conversations. */
const READABLE = /\.(?:jsonl?|ndjson)(?:\.gz)?$/i;
const ARCHIVE = /\.zip$/i;

interface Found {
  path: string;
  name: string;
  size: number;
  isNamed: boolean;
}

/**
 * `onBytes` is called with the number of bytes read so far, and of all. It may throw to end the reading.
 * @throws AppError `invalid` for a broken archive, `limit` for too many files
 */
export async function* inputsOf(
  paths: readonly string[],
  onBytes: (done: number, total: number) => void,
): AsyncGenerator<Input> {
  const found: Found[] = [];
  for (const path of paths) found.push(...(await filesOf(path)));
  const total = found.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  const advance = (count: number): void => onBytes((done += count), total);
  for (const file of found) {
    const before = done;
    if (await isArchive(file.path)) yield* entriesOf(file, advance);
    else
      yield {
        ...{ name: file.name, path: file.path, isNamed: file.isNamed },
        open: () =>
          Promise.resolve(opened(createReadStream(file.path, { highWaterMark: CHUNK }), advance)),
      };
    done = before + file.size;
    onBytes(done, total);
  }
}

async function filesOf(path: string): Promise<Found[]> {
  const about = await stat(path);
  if (!about.isDirectory())
    return [{ path, name: basename(path), size: about.size, isNamed: true }];
  const found: Found[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const inside = join(folder, entry.name);
      if (entry.isDirectory() && depth < MAX_DEPTH) await visit(inside, depth + 1);
      if (!entry.isFile() || !(READABLE.test(entry.name) || ARCHIVE.test(entry.name))) continue;
      if (found.length >= MAX_FILES) throw tooMany();
      const name = relative(path, inside);
      found.push({ path: inside, name, size: (await stat(inside)).size, isNamed: false });
    }
  };
  await visit(path, 0);
  if (found.length === 0)
    throw new AppError("invalid", `${path}: the folder holds no .json, .jsonl or .zip file.`);
  return found.toSorted(byName);
}

/** Files of a folder or an archive in order; a list of projects comes before the conversations in them. */
const byName = (a: { name: string }, b: { name: string }): number =>
  Number(isProjects(b.name)) - Number(isProjects(a.name)) ||
  a.name.localeCompare(b.name, "en", { numeric: true });

const isProjects = (name: string): boolean => /(?:^|\/)projects(?:\.json$|\/)/.test(name);

/** ZIP's mark. */
const ZIP = Buffer.from("PK\u0003\u0004", "latin1");

async function isArchive(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const { buffer } = await handle.read(Buffer.alloc(ZIP.length), 0, ZIP.length, 0);
    return buffer.equals(ZIP);
  } finally {
    await handle.close();
  }
}

async function* entriesOf(
  { path, name, isNamed }: Found,
  advance: (count: number) => void,
): AsyncGenerator<Input> {
  const archive = await openArchive(path);
  try {
    for (const entry of await readableEntries(archive)) {
      // Count packed bytes, of which the progress is told.
      const rate = entry.compressedSize / Math.max(1, entry.uncompressedSize);
      const take = (count: number): void => advance(Math.floor(count * rate));
      yield {
        ...{
          name: `${name}/${entry.fileName}`,
          path: undefined,
          isNamed: isNamed && archive.entryCount === 1,
        },
        open: async () => opened(await streamOf(archive, entry), take, damaged),
      };
    }
  } finally {
    archive.close();
  }
}

async function readableEntries(archive: ZipFile): Promise<Entry[]> {
  if (archive.entryCount > MAX_FILES) throw tooMany();
  const found: Entry[] = [];
  try {
    for await (const entry of archive.eachEntry())
      if (READABLE.test(entry.fileName) && !/(?:^|\/)(?:__MACOSX\/|\._)/.test(entry.fileName))
        found.push(entry);
  } catch (error) {
    throw damaged(error);
  }
  if (found.length > 0) return found.toSorted((a, b) => byName(named(a), named(b)));
  throw new AppError("invalid", "The archive holds no .json or .jsonl file.", {
    hint: "Google's Takeout writes JSON when it is chosen under “My Activity”.",
  });
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
  onError: (error: unknown) => unknown = (error) => error,
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

const tooMany = (): AppError =>
  new AppError("limit", `There are more than ${counted(MAX_FILES, "file")} to import.`);
