// An answer that a browser stores as a file, sent while it is made.
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

export function download(c: ConsoleContext, { title, ending, texts, onError }: Download): Response {
  c.header("content-disposition", `attachment; filename="${fileName(title)}.${ending}"`);
  c.header("content-type", TYPES[ending]);
  // A broken stream breaks the connection: the browser does not take the part for the whole.
  return c.body(ReadableStream.from(encoded(texts, onError)) as globalThis.ReadableStream);
}

async function* encoded(
  texts: AsyncIterable<string>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  try {
    for await (const text of texts) yield encoder.encode(text);
  } catch (error) {
    onError(error);
    throw error;
  }
}

/** Letters, digits and dashes: safe in a header and in every file system. */
const fileName = (title: string): string =>
  title
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "conversation";
