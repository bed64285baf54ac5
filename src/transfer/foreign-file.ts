// Reads the exports of other programs: one JSON document each, which has to fit into memory.
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { AppError } from "../kernel/errors.ts";
import { readChatGpt } from "./chatgpt.ts";
import { readClaude } from "./claude.ts";
import { toIncoming, type Conversation } from "./conversation.ts";
import type { Faults } from "./faults.ts";
import type { Incoming, TransferLimits } from "./incoming.ts";

/** No text in Node is longer. */
const MAX_BYTES = 512 * 1024 * 1024 - 32;

const READERS = { chatgpt: readChatGpt, claude: readClaude } as const satisfies Record<
  string,
  (value: unknown) => Conversation
>;

export type ForeignFormat = keyof typeof READERS;

/** The document in the file. @throws AppError `invalid` or `limit` */
export async function readDocument(file: string, maxBytes = MAX_BYTES): Promise<unknown> {
  const { size } = await stat(file);
  if (size > maxBytes)
    throw new AppError(
      "limit",
      `The file is ${size} bytes long; exports of other programs are read up to ${maxBytes}.`,
      { hint: "Split the array in it into several files." },
    );
  const bytes = await readFile(file);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes); // drops a byte order mark
  } catch {
    throw new AppError("invalid", "The file is not UTF-8 text.");
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = error instanceof SyntaxError ? /at position \d+/.exec(error.message) : null;
    throw new AppError("invalid", `The file is not JSON${where ? ` (${where[0]})` : ""}.`);
  }
}

/** Whose export a document is; undefined for nobody's that is known. */
export function formatOf(document: unknown): ForeignFormat | undefined {
  for (const item of listOf(document)) {
    if (typeof item !== "object" || item === null) continue;
    if (Object.hasOwn(item, "mapping")) return "chatgpt";
    if (Object.hasOwn(item, "chat_messages")) return "claude";
  }
  return undefined;
}

/** The sessions of a document; `empty`: how many conversations had nothing in them. */
export function readForeign(
  document: unknown,
  format: ForeignFormat,
  owner: string,
  limits: TransferLimits,
  faults: Faults,
): { sessions: Incoming[]; empty: number } {
  const sessions = new Map<string, Incoming>();
  let empty = 0;
  for (const [index, item] of listOf(document).entries()) {
    const where = `conversation ${index + 1}`;
    try {
      const incoming = toIncoming(() => READERS[format](item), format, owner, limits);
      if (incoming === undefined) empty += 1;
      else if (sessions.has(incoming.header.id))
        faults.add(where, "Its id is there more than once.");
      else sessions.set(incoming.header.id, incoming);
    } catch (error) {
      if (error instanceof z.ZodError) faults.add(where, issueOf(error));
      else faults.addError(where, error);
    }
  }
  return { sessions: [...sessions.values()], empty };
}

const listOf = (document: unknown): unknown[] =>
  Array.isArray(document) ? (document as unknown[]) : [document];

function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path.join(".");
  return [path, issue?.message].filter(Boolean).join(": ");
}
