// An answer that a browser stores as a file, sent while it is made: it waits for the browser, and holds one piece at a time. So an
// export of any size needs no task: nothing is stored that could survive, and one that breaks off is asked for again.
import { ReadableStream } from "node:stream/web";
import type { ConsoleContext } from "../context.ts";

export interface Download {
  /** Name of the file without its ending, of any text. */
  title: string;
  ending: "md" | "jsonl";
  texts: AsyncIterable<string>;
  onError(error: unknown): void;
}

const TYPES = { md: "text/markdown; charset=utf-8", jsonl: "application/jsonl" } as const;

export const download = (
  c: ConsoleContext,
  { title, ending, texts, onError }: Download,
): Response =>
  sendFile(c, {
    name: `${fileName(title)}.${ending}`,
    type: TYPES[ending],
    bytes: encoded(texts),
    onError,
  });

export interface SentFile {
  name: string;
  type: string;
  bytes: AsyncIterable<Uint8Array>;
  /** Bytes in all, if they are known. */
  length?: number;
  onError(error: unknown): void;
}

export function sendFile(
  c: ConsoleContext,
  { name, type, bytes, length, onError }: SentFile,
): Response {
  c.header("content-disposition", `attachment; filename="${name}"`);
  c.header("content-type", type);
  if (length !== undefined) c.header("content-length", `${length}`);
  // A broken stream breaks the connection: the browser does not take the part for the whole.
  return c.body(ReadableStream.from(watched(bytes, onError)) as globalThis.ReadableStream);
}

async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    onError(error);
    throw error;
  }
}

async function* encoded(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of texts) yield encoder.encode(text);
}

/** Letters, digits and dashes: safe in a header and in every file system. */
const fileName = (title: string): string =>
  title
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "conversation";
