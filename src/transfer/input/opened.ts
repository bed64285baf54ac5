// A file of an import, which is opened when its turn comes.
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { AppError } from "../../lib/errors.ts";
import type { Bytes } from "./bytes.ts";
import { type Found, unreadable } from "./folders.ts";

export interface Input {
  /** Name for people; a path within the folder or archive that was named. */
  name: string;
  /** The path of a file that lies on the disk as it is read. */
  path: string | undefined;
  /** True for a file that was named, not found in a folder or an archive. */
  isNamed: boolean;
  /** True for a file in an archive, which may hold any others. */
  isPart: boolean;
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

/** Called with the number of bytes read. It may throw to end the reading. */
export type Advance = (count: number) => void;

/** A file or an archive on the disk. */
export type OnDisk = Pick<Found, "path" | "name" | "isNamed">;

const CHUNK = 256 * 1024; // bytes

/** A file that fails with this error when it is opened. */
export const unusable = (
  { name, isNamed }: Pick<Found, "name" | "isNamed">,
  error: unknown,
): Input => ({
  ...{ name, path: undefined, isNamed, isPart: false, isGuess: false },
  open: () => {
    throw error;
  },
});

/** A file that lies on the disk as it is read. */
export const plain = (
  { path, name, isNamed }: OnDisk,
  { isPart = false, isGuess = false, advance }: Partial<Input> & { advance: Advance },
): Input => ({
  ...{ name, path, isNamed, isPart, isGuess },
  open: () => Promise.resolve(openedAt(path, advance)),
});

export const openedAt = (path: string, advance: Advance): Opened =>
  opened(createReadStream(path, { highWaterMark: CHUNK }), advance);

/** `onError` makes an error of the stream the file's own. */
export const opened = (
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

/** A fault of an archive; another program's error is one, too. */
export const damaged = (cause: unknown): AppError =>
  cause instanceof AppError
    ? cause
    : new AppError("invalid", "The archive is damaged or cut off.", { cause });

export const holdsNothing = (): AppError =>
  new AppError("invalid", "The archive holds no .json, .jsonl or .html file.");
