// A file that is to be imported, of whatever format. Everything in it is checked before anything is imported: in an
// export of Holdfast any fault refuses the file; of another program's, what cannot be read is skipped and told.
import { open } from "node:fs/promises";
import { AppError } from "../../lib/errors.ts";
import { Faults } from "../faults.ts";
import { formatOf, readDocument, readForeign } from "./foreign-file.ts";
import { readHoldfastFile } from "./holdfast-file.ts";
import type { Incoming, TransferLimits } from "../incoming.ts";
import type { Format } from "./format.ts";
import { whereOf, type Skipped } from "./skipped.ts";

export interface Source {
  sessions: Incoming[];
  /** Conversations with nothing in them, which become no session. */
  empty: number;
  skipped: Skipped[];
  /** Characters that cannot be stored. */
  replaced: number;
}

export interface SourceOptions {
  format: Format;
  /** Who gets the sessions of other programs' files. */
  owner: string;
  limits: TransferLimits;
  /** Refuses the file where something would be skipped. */
  strict?: boolean | undefined;
  onBytes?: (bytes: number) => void;
}

/** @throws AppError `invalid` with a line for each fault, the first of many */
export async function readSource(
  file: string,
  { format, owner, limits, strict = false, onBytes }: SourceOptions,
): Promise<Source> {
  const faults = new Faults();
  let replaced = 0;
  const onReplaced = (count: number): void => {
    replaced += count;
  };
  const begins = await beginning(file);
  const isLines = format === "auto" ? begins.startsWith("{") : format === "holdfast";
  if (begins.startsWith("PK"))
    throw new AppError("invalid", "The file is an archive.", {
      hint: "Unpack it and import the conversations.json in it.",
    });
  if (isLines || (begins === "" && format === "auto")) {
    const sessions = await readHoldfastFile(file, limits, faults, { onBytes, onReplaced });
    faults.check();
    return { sessions, empty: 0, skipped: [], replaced };
  }
  const document = await readDocument(file);
  const known = format === "auto" ? formatOf(document) : format;
  if (known === undefined || known === "holdfast")
    throw new AppError("invalid", "The file is of no format that is known here.", {
      hint: "Accepted are exports of Holdfast, and the conversations.json of ChatGPT and Claude.",
    });
  const source = readForeign(document, known, owner, limits, onReplaced);
  // A file of which nothing can be read is hardly what it was taken for.
  if (strict || source.sessions.length === 0)
    for (const skipped of source.skipped) faults.add(whereOf(skipped), skipped.reason);
  faults.check();
  return { ...source, replaced };
}

/** The first characters that are no space. */
async function beginning(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString("utf8", 0, bytesRead).trimStart(); // a byte order mark counts as a space
  } finally {
    await handle.close();
  }
}
