// An import file of any format. The whole file is checked before anything is imported. Any fault refuses a Holdfast
// export; in other programs' exports, unreadable parts are skipped and reported.
import { open } from "node:fs/promises";
import { AppError } from "../../lib/errors.ts";
import { Faults } from "../faults.ts";
import type { Incoming, TransferLimits } from "../incoming.ts";
import { formatOf, readDocument, readForeign } from "./foreign-file.ts";
import type { Format } from "./format.ts";
import { readHoldfastFile } from "./holdfast-file.ts";
import { type Skipped, whereOf } from "./skipped.ts";

export interface Source {
  sessions: Incoming[];
  /** Number of conversations without messages, which become no session. */
  empty: number;
  skipped: Skipped[];
  /** Number of replaced characters, which cannot be stored. */
  replaced: number;
}

export interface SourceOptions {
  format: Format;
  /** The owner of sessions from other programs' files. */
  owner: string;
  limits: TransferLimits;
  /** Refuses the file when a part would be skipped. */
  strict?: boolean | undefined;
  onBytes?: (bytes: number) => void;
  /** Ends the reading between two conversations of another program's file. */
  signal?: AbortSignal;
}

/** @throws AppError `invalid` with a line for each of the first faults */
export async function readSource(
  file: string,
  { format, owner, limits, strict = false, onBytes, signal }: SourceOptions,
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
  const source = await readForeign(document, known, { owner, limits, onReplaced, signal });
  // Refuse a file without any readable conversation: it probably has another format.
  if (strict || source.sessions.length === 0)
    for (const skipped of source.skipped) faults.add(whereOf(skipped), skipped.reason);
  faults.check();
  return { ...source, replaced };
}

/** The first characters behind white space. */
async function beginning(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString("utf8", 0, bytesRead).trimStart(); // a byte order mark counts as white space
  } finally {
    await handle.close();
  }
}
