// Chatbox's backup: one document with all sessions, each with its threads, which are conversations. Thoughts, results of
// tools and summaries are left out.
import { callNote } from "../agents/transcript.ts";
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
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
import { filesText, fileText } from "../texts.ts";

export const chatbox: Program = {
  name: "chatbox",
  title: "backup of Chatbox",
  hasThoughtsInText: true,
  wrote: (record) =>
    ["chat-sessions", "chat-sessions-list", "__exported_items"].some((key) => key in record) ||
    record["__source"] === "chatbox",
  conversations: severalPerRecord((record) => sessionsIn(record).flatMap(threadsIn), read),
};

/** The sessions: under a key each, in a list in older versions, or one that was exported alone. */
function sessionsIn(record: Fields): unknown[] {
  const keyed = Object.entries(record).filter(([key]) => key.startsWith("session:"));
  const all = [...keyed.map(([, session]) => session), ...listOf(record["chat-sessions"])];
  return isFields(record["session"]) ? [record["session"], ...all] : all;
}

/** The threads of a session; the current one is the session itself. */
function threadsIn(session: unknown): unknown[] {
  const { name, threadName, threads } = fieldsOf(session);
  const title = textOf(threadName, name);
  return [
    ...listOf(threads).map((thread) => ({
      ...fieldsOf(thread),
      title: textOf(fieldsOf(thread)["name"], name),
    })),
    isFields(session) ? { ...session, title } : session,
  ];
}

/** @throws AppError `invalid` when the conversation is unreadable */
function read(thread: Fields, skip: SkipMessage): Conversation {
  if (!Array.isArray(thread["messages"])) throw unreadable("messages: expected a list");
  const values = listOf(thread["messages"]);
  const prompt = fieldsOf(values[0])["role"] === "system" ? fieldsOf(values[0]) : undefined;
  // The current thread gets an id when another one begins; its first message keeps the id.
  const id = textOf(...values.map((value) => fieldsOf(value)["id"]), thread["id"]);
  if (id === null) throw unreadable("has no id");
  return {
    ...{ id, title: textOf(thread["title"]) },
    system: prompt === undefined ? null : contentOf(prompt).join("\n\n") || null,
    ...{ createdAt: timeOf(thread["createdAt"]), lastActiveAt: null },
    messages: values.flatMap((message, index) => {
      if (!isFields(message)) skip(`${index + 1}`, "is no object");
      return isFields(message) && message !== prompt ? toMessage(message) : [];
    }),
  };
}

function toMessage(message: Fields): Message[] {
  const { role, isSummary, timestamp, model } = message;
  if (isSummary === true) return [];
  if (role !== "user" && role !== "assistant" && role !== "system") return [];
  const content = contentOf(message).join("\n\n");
  if (content === "") return [];
  const createdAt = timeOf(timestamp);
  return [{ role, content, createdAt, model: role === "assistant" ? modelOf(model) : null }];
}

function contentOf({ contentParts, content, files, pictures }: Fields): string[] {
  const parts = listOf(contentParts).map(fieldsOf);
  const texts = parts.flatMap(({ type, text, toolName, args }) => {
    if (type === "image") return [fileText(null, "image")];
    if (type === "tool-call") return [callNote(toolName, args)];
    return type === "text" ? wordsOf(text) : [];
  });
  const names = listOf(files).map((file) => labelOf(fieldsOf(file)["name"]));
  return [
    ...(texts.length > 0 ? texts : wordsOf(content)),
    ...filesText(names),
    ...filesText([], listOf(pictures).length),
  ];
}
