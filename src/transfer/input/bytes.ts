// The bytes of a file as UTF-8, whether it is packed by gzip, or UTF-16 with or without its mark.
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { AppError } from "../../lib/errors.ts";

export type Bytes = AsyncIterable<Buffer>;

/** Enough bytes to recognize a kind of file. */
const HEAD_BYTES = 1_024;
/** Enough bytes to recognize an encoding. */
const START_BYTES = 8;
/** Longest white space at the beginning of a file. */
const MAX_SPACE_BYTES = 64 * 1024 * 1024;

/** A file, its first bytes, and those behind white space and a byte order mark. */
export interface Peeked {
  start: Buffer;
  head: Buffer;
  all: Bytes;
}

export async function peek(bytes: Bytes): Promise<Peeked> {
  const source = bytes[Symbol.asyncIterator]();
  const taken: Buffer[] = [];
  let head: Buffer = Buffer.alloc(0);
  let space = 0;
  while (head.length < HEAD_BYTES && space < MAX_SPACE_BYTES) {
    const next = await source.next();
    if (next.done === true) break;
    taken.push(next.value);
    const begun = head.length > 0 ? head : withoutSpace(next.value);
    space += next.value.length - begun.length;
    head = head.length > 0 ? Buffer.concat([head, next.value]) : begun;
  }
  const start = Buffer.concat(taken.slice(0, START_BYTES)).subarray(0, START_BYTES);
  return { start, head, all: rejoined(taken, source) };
}

async function* rejoined(taken: Buffer[], source: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* taken.splice(0);
    for (;;) {
      const next = await source.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await source.return?.();
  }
}

const SPACE: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);

function withoutSpace(bytes: Buffer): Buffer {
  let from = 0;
  while (SPACE.has(bytes[from])) from += 1;
  return bytes.subarray(from);
}

export interface Utf8 {
  bytes: Bytes;
  /** True for a file that is UTF-8 as it lies on the disk. */
  isPlain: boolean;
}

/** @throws AppError `invalid` for UTF-32, and while the bytes are read, when gzip's form is broken */
export async function toUtf8(bytes: Bytes): Promise<Utf8> {
  const { start, all } = await peek(bytes);
  const [first = -1, second = -1, third] = start;
  if (UTF_32.test(start.toString("latin1")))
    throw new AppError("invalid", "The text is in UTF-32: save it as UTF-8.");
  if (first === 0x1f && second === 0x8b)
    return { bytes: (await toUtf8(gunzipped(all))).bytes, isPlain: false };
  const encoding = third === 0 && second === 0 ? undefined : utf16Of(first, second);
  return encoding === undefined
    ? { bytes: all, isPlain: true }
    : { bytes: decoded(all, encoding), isPlain: false };
}

/** A byte order mark, or an ASCII character, in UTF-32. */
const UTF_32 =
  /^(?:\u00ff\u00fe\0\0|\0\0\u00fe\u00ff|(?:[\x01-\x7f]\0\0\0){2}|(?:\0\0\0[\x01-\x7f]){2})/;

/** Exports begin with an ASCII character, whose other byte is 0 in UTF-16. */
function utf16Of(first: number, second: number): "utf-16le" | "utf-16be" | undefined {
  if ((first === 0xff && second === 0xfe) || (isAscii(first) && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && isAscii(second))) return "utf-16be";
  return undefined;
}

/** True for a printable character or white space. */
const isAscii = (code: number): boolean => code >= 0x09 && code < 0x7f;

async function* decoded(bytes: Bytes, encoding: string): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding); // drops a byte order mark
  for await (const chunk of bytes) yield Buffer.from(decoder.decode(chunk, { stream: true }));
  yield Buffer.from(decoder.decode());
}

async function* gunzipped(bytes: Bytes): AsyncGenerator<Buffer> {
  const source = Readable.from(bytes, { objectMode: false });
  const unpacked = createGunzip();
  unpacked.on("error", () => undefined); // told to its reader, who may have left
  source.once("error", (error) => unpacked.destroy(error)).pipe(unpacked);
  try {
    yield* unpacked as AsyncIterable<Buffer>;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith("Z_")) throw error;
    throw new AppError("invalid", "The file is packed by gzip, and damaged or cut off.", {
      cause: error,
    });
  } finally {
    source.destroy();
    unpacked.destroy();
  }
}
