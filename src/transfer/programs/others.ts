// Kinds of files that are known by name only: conversations of other programs, and files that lie beside conversations.
import { type Fields, fieldsOf, isFields, listOf } from "./fields.ts";

interface Kind {
  title: string;
  /** True for a file that comes with the conversations. */
  isCompanion?: boolean;
  /** True for conversations, which are never left out without a word. */
  isChat?: boolean;
  wrote(record: Fields): boolean;
}

const isChatMessage = (value: unknown): boolean => {
  const { role, content } = fieldsOf(value);
  return typeof role === "string" && content !== undefined;
};

/** Conversations in formats that are not read here: each by fields that its program alone writes. */
const CHATS: readonly (readonly [title: string, wrote: Kind["wrote"]])[] = [
  [
    "a checkpoint of Gemini CLI",
    ({ role, parts }) => typeof role === "string" && "text" in first(parts),
  ],
  [
    "a part of a session of opencode, which `opencode export` writes whole",
    ({ id, sessionID, info }) =>
      [id, sessionID, fieldsOf(info).id].some(
        (one) => typeof one === "string" && one.startsWith("ses_"),
      ),
  ],
  ["a prompt of Google AI Studio", (record) => "chunkedPrompt" in record],
  [
    "a chat of the llama.cpp web page",
    ({ harness, type, message }) =>
      harness !== undefined || (type === "message" && "convId" in fieldsOf(message)),
  ],
];

const first = (list: unknown): Fields => fieldsOf(listOf(list)[0]);

/** Files that are no conversations, or of no format that is known here. */
const OTHERS: readonly Kind[] = [
  ...CHATS.map(([title, wrote]) => ({ title, isChat: true, wrote })),
  {
    title: "a list of shared links of ChatGPT",
    isCompanion: true,
    wrote: (record) =>
      "share_id" in record || ("conversation_id" in record && "is_anonymous" in record),
  },
  {
    title: "a list of prompts of Gemini CLI",
    isCompanion: true,
    wrote: (record) =>
      "messageId" in record && "sessionId" in record && typeof record.message === "string",
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
