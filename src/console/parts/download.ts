// An answer that a browser stores as a file, sent while it is made.
import { stream } from "hono/streaming";
import type { ConsoleContext } from "../context.ts";

export interface Download {
  /** Name of the file without its ending, of any text. */
  title: string;
  ending: "md" | "jsonl";
  texts: AsyncIterable<string>;
}

const TYPES = { md: "text/markdown; charset=utf-8", jsonl: "application/jsonl" } as const;

export function download(c: ConsoleContext, { title, ending, texts }: Download): Response {
  c.header("content-disposition", `attachment; filename="${fileName(title)}.${ending}"`);
  c.header("content-type", TYPES[ending]);
  return stream(c, async (body) => {
    for await (const text of texts) await body.write(text);
  });
}

/** Letters, digits and dashes: safe in a header and in every file system. */
const fileName = (title: string): string =>
  title
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "conversation";
