// Tar archives, which hold files one after the other, without a list of them. Those that are wanted are written to temporary
// files, so that an import reads them in its own order.
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { systemReason } from "../../lib/system-errors.ts";
import { type Bytes, toUtf8 } from "./bytes.ts";
import { byName, isReadable, MAX_FILES, tooMany, WEB_PAGE } from "./folders.ts";
import {
  type Advance,
  damaged,
  holdsNothing,
  type Input,
  openedAt,
  type OnDisk,
  plain,
  unusable,
} from "./opened.ts";

/** The mark of the format in an archive's first header. */
const MARK = "ustar";
const MARK_AT = 257;
/** Number of bytes that tell whether a file is an archive. */
export const TAR_HEAD = MARK_AT + MARK.length;

interface TarFile {
  name: string;
  /** Path of the temporary file. */
  path: string;
}

export interface Unpacking {
  /** Bounds unpacked bytes. */
  counted(bytes: Bytes): Bytes;
  /** Writes a temporary file. @returns its path */
  store(bytes: Bytes): Promise<string>;
}

export const isTar = (head: Buffer): boolean => head.toString("latin1", MARK_AT, TAR_HEAD) === MARK;

/** True for a tar archive within gzip's form. */
export async function isPackedTar(stream: Readable): Promise<boolean> {
  let head = Buffer.alloc(0);
  try {
    for await (const chunk of (await toUtf8(stream)).bytes) {
      head = Buffer.concat([head, chunk]);
      if (head.length >= TAR_HEAD) break;
    }
  } catch {
    // The reader of the file tells what is wrong with it.
  } finally {
    stream.destroy();
  }
  return isTar(head);
}

/** The files in an archive that may hold conversations; behind them its fault, if it has one. */
export async function* tarred(
  { path, name, isNamed }: OnDisk,
  advance: Advance,
  unpacking: Unpacking,
): AsyncGenerator<Input> {
  // An error of `advance` ends the import; any other one is the archive's own.
  let stopped: { error: unknown } | undefined;
  const take = (count: number): void => {
    try {
      advance(count);
    } catch (error) {
      stopped = { error };
      throw error;
    }
  };
  const { bytes, close } = openedAt(path, take);
  const { files, count, fault } = await unpackTar(bytes, unpacking);
  close();
  if (stopped !== undefined) throw stopped.error;
  for (const one of files.toSorted(byName))
    yield plain(
      { path: one.path, name: `${name}/${one.name}`, isNamed: isNamed && count === 1 },
      { isPart: true, isGuess: WEB_PAGE.test(one.name), advance: () => undefined },
    );
  // An error of the system, as of a full disk, is not the archive's.
  const isSystem = systemReason(fault) !== undefined;
  if (fault !== undefined) yield unusable({ name, isNamed }, isSystem ? fault : damaged(fault));
  else if (files.length === 0 && isNamed) yield unusable({ name, isNamed }, holdsNothing());
}

/** The wanted files up to the end or a fault, and the number of all. @throws AppError `limit` for too many files */
async function unpackTar(
  archive: Bytes,
  { counted, store }: Unpacking,
): Promise<{ files: TarFile[]; count: number; fault?: unknown }> {
  const { createTarDecoder } = await import("modern-tar");
  const { bytes, isPlain } = await toUtf8(archive);
  const source = Readable.from(isPlain ? bytes : counted(bytes), { objectMode: false });
  const decoder = createTarDecoder({ strict: true });
  const entries = Readable.toWeb(source).pipeThrough<Entry>(decoder as never);
  const files: TarFile[] = [];
  let count = 0;
  try {
    for await (const { header, body } of entries) {
      const { name, type } = header;
      if ((count += 1) > MAX_FILES) throw tooMany();
      if ((type ?? "file") === "file" && isReadable(name))
        files.push({ name, path: await store(buffersOf(body)) });
      else await body.cancel();
    }
    return { files, count };
  } catch (fault) {
    return { files, count, fault };
  } finally {
    source.destroy();
  }
}

interface Entry {
  header: { name: string; type?: string };
  body: ReadableStream<Uint8Array>;
}

async function* buffersOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of body) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}
