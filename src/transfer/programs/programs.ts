// The programs whose files can be imported, and those that are known by name only.
import { claudeCode } from "./agents/claude-code.ts";
import { codex } from "./agents/codex.ts";
import { cursor } from "./agents/cursor.ts";
import { chatGpt } from "./chats/chatgpt.ts";
import { claude } from "./chats/claude.ts";
import { deepSeek } from "./chats/deepseek.ts";
import { gemini } from "./chats/gemini.ts";
import { libreChat } from "./chats/librechat.ts";
import { lobeChat } from "./chats/lobechat.ts";
import { openWebUi } from "./chats/open-webui.ts";
import { type Fields, fieldsOf, isFields, listOf } from "./fields.ts";
import type { Program } from "./program.ts";

/** In the order in which they are asked for a file. */
export const PROGRAMS: readonly Program[] = [
  ...[chatGpt, claude, deepSeek, openWebUi, libreChat, lobeChat, gemini],
  ...[claudeCode, codex, cursor],
];

export const programOf = (record: unknown): Program | undefined =>
  isFields(record) ? PROGRAMS.find(({ wrote }) => wrote(record)) : undefined;

/** Keys under which programs and tools keep a list of conversations. */
const WRAPPERS = ["conversations", "chats", "data", "items", "history"] as const;

/** The list in a document that holds conversations of a known program; undefined for any other document. */
export function wrappedIn(record: unknown): readonly unknown[] | undefined {
  if (programOf(record) !== undefined) return undefined;
  // A list in the list: some tools join several exports.
  const lists = Array.isArray(record)
    ? [record as unknown[]]
    : WRAPPERS.map((key) => listOf(fieldsOf(record)[key]));
  return lists.find((list) => list.slice(0, 50).some((item) => programOf(item) !== undefined));
}

interface Kind {
  title: string;
  /** True for a file that comes with the conversations. */
  isCompanion?: boolean;
  wrote(record: Fields): boolean;
}

const isChatMessage = (value: unknown): boolean => {
  const { role, content } = fieldsOf(value);
  return typeof role === "string" && content !== undefined;
};

/** Files that are no conversations, or of no format that is known here. */
const OTHERS: readonly Kind[] = [
  {
    title: "a chat of the llama.cpp web page",
    wrote: ({ harness, type, message }) =>
      harness !== undefined || (type === "message" && "convId" in fieldsOf(message)),
  },
  {
    title: "a chat of SillyTavern",
    wrote: (record) =>
      ("user_name" in record && "character_name" in record) ||
      ("is_user" in record && "mes" in record),
  },
  {
    title: "a list of shared links of ChatGPT",
    isCompanion: true,
    wrote: (record) =>
      "share_id" in record || ("conversation_id" in record && "is_anonymous" in record),
  },
  {
    title: "a list of ratings of ChatGPT",
    isCompanion: true,
    wrote: (record) => "rating" in record && "conversation_id" in record,
  },
  {
    title: "an account, without its conversations",
    isCompanion: true,
    wrote: (record) =>
      ["email", "email_address"].some((key) => key in record) && !("messages" in record),
  },
  {
    title: "a memory of Claude",
    isCompanion: true,
    wrote: (record) => "conversations_memory" in record,
  },
  {
    title: "training data, or requests, in the form of OpenAI",
    wrote: ({ messages }) => listOf(messages).some(isChatMessage),
  },
  { title: "a list of bare messages", wrote: isChatMessage },
  { title: "a character card", wrote: ({ spec }) => String(spec).startsWith("chara_card") },
  {
    title: "an activity of Google that is not Gemini's",
    wrote: (record) => "header" in record && "time" in record && "products" in record,
  },
];

/** What a record is; undefined for what nothing is known about. */
export const otherKindOf = (record: unknown): Kind | undefined =>
  isFields(record) ? OTHERS.find(({ wrote }) => wrote(record)) : undefined;
