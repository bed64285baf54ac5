// TypingMind's export: one document with all chats.
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
import { fileText } from "../texts.ts";

export const typingMind: Program = {
  name: "typing-mind",
  title: "export of TypingMind",
  hasThoughtsInText: true,
  wrote: (record) => isChat(record) || chatsIn(record).some(isChat),
  conversations: severalPerRecord((record) => (isChat(record) ? [record] : chatsIn(record)), read),
};

const chatsIn = (record: Fields): readonly unknown[] => listOf(fieldsOf(record["data"])["chats"]);

const isChat = (value: unknown): boolean =>
  isFields(value) && "chatID" in value && Array.isArray(value["messages"]);

/** @throws AppError `invalid` when the conversation is unreadable */
function read(chat: Fields, skip: SkipMessage): Conversation {
  const id = textOf(chat["chatID"], chat["id"]);
  if (id === null) throw unreadable("has no chatID");
  const model = modelOf(chat["model"]);
  return {
    ...{ id, title: textOf(chat["chatTitle"]) },
    system: wordsOf(fieldsOf(chat["chatParams"])["systemMessage"])[0] ?? null,
    createdAt: timeOf(chat["createdAt"]),
    lastActiveAt: timeOf(chat["updatedAt"]),
    messages: listOf(chat["messages"]).flatMap((message, index) =>
      toMessage(fieldsOf(message), model, (reason) => skip(`${index + 1}`, reason)),
    ),
  };
}

function toMessage(
  { role, content, createdAt, model }: Fields,
  defaultModel: string | null,
  skip: (reason: string) => void,
): Message[] {
  if (role === "tool") return [];
  if (role !== "user" && role !== "assistant" && role !== "system") {
    skip(`its role ${JSON.stringify(labelOf(role))} is unknown`);
    return [];
  }
  const parts = typeof content === "string" ? wordsOf(content) : listOf(content).flatMap(partText);
  if (parts.length === 0) return [];
  return [
    {
      ...{ role, content: parts.join("\n\n"), createdAt: timeOf(createdAt) },
      model: role === "assistant" ? modelOf(model, defaultModel) : null,
    },
  ];
}

function partText(part: unknown): string[] {
  const { type, text } = fieldsOf(part);
  if (type === "image_url" || type === "tm_image_file") return [fileText(null, "image")];
  return type === "tm_text_file" ? [fileText(null)] : wordsOf(text);
}
