// Reader for other programs' exports: each is one JSON document that must fit into memory.
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { AppError } from "../../lib/errors.ts";
import { isDeep } from "../../lib/json/json.ts";
import type { Incoming, TransferLimits } from "../incoming.ts";
import { Pace } from "../pace.ts";
import { readChatGpt } from "./chatgpt.ts";
import { readClaude } from "./claude.ts";
import { type Conversation, issueOf, toIncoming } from "./conversation.ts";
import type { OnReplaced } from "./jsonl.ts";
import { labelOf, type SkipMessage, type Skipped } from "./skipped.ts";

/** Maximum length of a string in Node. */
const MAX_BYTES = 512 * 1024 * 1024 - 32;

/** Deepest nesting; deeper text takes many times its size in memory. */
const MAX_DEPTH = 1_000;

const READERS = { chatgpt: readChatGpt, claude: readClaude } as const satisfies Record<
  string,
  (value: unknown, skip: SkipMessage) => Conversation
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
  if (isDeep(text, MAX_DEPTH))
    throw new AppError("invalid", `The file is nested more than ${MAX_DEPTH} deep.`);
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = error instanceof SyntaxError ? /at position \d+/.exec(error.message) : null;
    throw new AppError("invalid", `The file is not JSON${where ? ` (${where[0]})` : ""}.`);
  }
}

/** The program that wrote the document; undefined when unknown. */
export function formatOf(document: unknown): ForeignFormat | undefined {
  for (const item of listOf(document)) {
    if (typeof item !== "object" || item === null) continue;
    if (Object.hasOwn(item, "mapping")) return "chatgpt";
    if (Object.hasOwn(item, "chat_messages")) return "claude";
  }
  return undefined;
}

export interface Foreign {
  sessions: Incoming[];
  /** Number of conversations without messages. */
  empty: number;
  skipped: Skipped[];
}

export interface ForeignOptions {
  owner: string;
  limits: TransferLimits;
  onReplaced: OnReplaced;
  signal?: AbortSignal | undefined;
}

/** The sessions of a document, read in steps between which others have their turn. A conversation that is unreadable or over a limit is skipped. */
export async function readForeign(
  document: unknown,
  format: ForeignFormat,
  { owner, limits, onReplaced, signal }: ForeignOptions,
): Promise<Foreign> {
  const sessions = new Map<string, { incoming: Incoming; number: number; item: unknown }>();
  const skipped: Skipped[] = [];
  const pace = new Pace();
  let empty = 0;
  for (const [index, item] of listOf(document).entries()) {
    await pace.step();
    signal?.throwIfAborted();
    const number = index + 1;
    const skip = (message: string | null, reason: string, where = { number, item }): void =>
      void skipped.push({
        ...{ conversation: where.number, ...namesOf(where.item), message, reason },
      });
    try {
      const read = (skip: SkipMessage): Conversation => READERS[format](item, skip);
      const incoming = toIncoming(read, format, owner, limits, { skip, onReplaced });
      if (incoming === undefined) {
        empty += 1;
        continue;
      }
      const { id, lastActiveAt } = incoming.header;
      const other = sessions.get(id);
      // Merged exports may hold a conversation several times: take the one that was used last, which has the most
      // messages.
      const isNewer = other === undefined || lastActiveAt > other.incoming.header.lastActiveAt;
      if (other !== undefined) {
        const [left, kept] = isNewer ? [other, number] : [{ number, item }, other.number];
        skip(null, `its id is that of conversation ${kept}, which is kept`, left);
      }
      if (isNewer) sessions.set(id, { incoming, number, item });
    } catch (error) {
      if (error instanceof z.ZodError) skip(null, issueOf(error));
      else if (error instanceof AppError) skip(null, error.message);
      else throw error;
    }
  }
  return { sessions: [...sessions.values()].map(({ incoming }) => incoming), empty, skipped };
}

/** The conversation's id and title in the file, however malformed the rest is. */
function namesOf(item: unknown): Pick<Skipped, "id" | "title"> {
  const { conversation_id, id, uuid, title, name } = (item ?? {}) as Record<string, unknown>;
  return {
    id: labelOf(conversation_id) ?? labelOf(id) ?? labelOf(uuid),
    title: labelOf(title) ?? labelOf(name),
  };
}

const listOf = (document: unknown): unknown[] =>
  Array.isArray(document) ? (document as unknown[]) : [document];
