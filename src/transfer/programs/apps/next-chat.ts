// NextChat's backup (chat-next-web-store): one document with all chats.
import {
  type Fields,
  fieldsOf,
  isFields,
  listOf,
  modelOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import {
  type Conversation,
  type Message,
  type Program,
  severalPerRecord,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { filesText } from "../texts.ts";

export const nextChat: Program = {
  name: "next-chat",
  title: "backup of NextChat",
  hasThoughtsInText: true,
  wrote: (record) => isFields(record["chat-next-web-store"]) || isChat(record),
  conversations: severalPerRecord(
    (record) =>
      isChat(record) ? [record] : listOf(fieldsOf(record["chat-next-web-store"])["sessions"]),
    read,
  ),
};

const isChat = (record: Fields): boolean =>
  "mask" in record && "topic" in record && Array.isArray(record["messages"]);

/** Titles of chats without one. */
const NO_TITLE: ReadonlySet<unknown> = new Set(["New Conversation", "新的聊天"]);

/** @throws AppError `invalid` when the conversation is unreadable */
function read(session: Fields, skip: SkipMessage): Conversation {
  const id = textOf(session["id"]);
  if (id === null) throw unreadable("has no id");
  const mask = fieldsOf(session["mask"]);
  const prompts = listOf(mask["context"])
    .map(fieldsOf)
    .filter(({ role }) => role === "system")
    .flatMap(({ content }) => wordsOf(content));
  const model = modelOf(fieldsOf(mask["modelConfig"])["model"]);
  const { topic } = session;
  return {
    ...{ id, title: NO_TITLE.has(topic) ? null : textOf(topic) },
    ...{ system: prompts.join("\n\n") || null, createdAt: null },
    lastActiveAt: timeOf(session["lastUpdate"]),
    messages: listOf(session["messages"]).flatMap((message, index) => {
      if (isFields(message)) return toMessage(message, model);
      skip(`${index + 1}`, "is no object");
      return [];
    }),
  };
}

function toMessage({ role, content, date, model }: Fields, defaultModel: string | null): Message[] {
  if (role !== "user" && role !== "assistant" && role !== "system") return [];
  const parts = listOf(content).map(fieldsOf);
  const pictures = parts.filter(({ type }) => type === "image_url").length;
  const words = [content, ...parts.map(({ text }) => text)].flatMap(wordsOf);
  const all = [...words, ...filesText([], pictures)].join("\n\n");
  return all === ""
    ? []
    : [
        {
          ...{ role, content: all, createdAt: timeIn(date) },
          model: role === "assistant" ? modelOf(model, defaultModel) : null,
        },
      ];
}

/** A time in the form of the person's language; null where the order of day and month is unknown. */
const timeIn = (date: unknown): number | null =>
  /^\d{4}[-/]|[AP]M$/.test(textOf(date) ?? "") ? timeOf(date) : null;
