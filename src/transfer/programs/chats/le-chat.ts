// Le Chat's chat-….json (Mistral): a list of messages in no order, without a title or a model. Thoughts and calls of tools
// are left out.
import type { Records } from "../../input/records.ts";
import {
  type Fields,
  fieldsOf,
  isFields,
  labelOf,
  listOf,
  textOf,
  timeOf,
  wordsOf,
} from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { filesText, fileText } from "../texts.ts";

export const leChat: Program = {
  name: "le-chat",
  title: "chat-….json of Le Chat (Mistral)",
  wrote: (record) => "chatId" in record && "contentChunks" in record,
  conversations,
};

async function* conversations(
  records: Records,
  { skip, file }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  const chats = new Map<string, { number: number; messages: Message[] }>();
  for await (const record of records) {
    const { value, number, fault } = record;
    if (!isFields(value)) {
      skip({ ...nameOf(record), number: 1 }, `${number}`, fault ?? "is no object");
      continue;
    }
    const id = textOf(value["chatId"]) ?? file;
    const chat = chats.get(id) ?? { number: chats.size + 1, messages: [] };
    chats.set(id, chat);
    chat.messages.push(...toMessage(value));
  }
  for (const [id, { number, messages }] of chats) {
    const inOrder = messages.toSorted((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0));
    const none = { title: null, system: null, createdAt: null, lastActiveAt: null };
    yield { number, id, ...none, messages: inOrder };
  }
}

function toMessage({ role, content, contentChunks, files, createdAt }: Fields): Message[] {
  if (role !== "user" && role !== "assistant") return [];
  const chunks = listOf(contentChunks).map(fieldsOf);
  const texts = chunks
    .filter(({ type, _context }) => type === "text" && fieldsOf(_context)["type"] !== "reasoning")
    .flatMap(({ text }) => wordsOf(text));
  // The content repeats the words of the answer, where it is there.
  const words = wordsOf(content).length > 0 ? wordsOf(content) : wordsOf(texts.join(""));
  const pictures = chunks.filter(({ type }) => type === "image_url").length;
  const names = listOf(files).map((file) => {
    const { name, type } = fieldsOf(file);
    return fileText(labelOf(name), type === "image" ? "image" : "file");
  });
  const all = [...words, ...new Set(names), ...filesText([], pictures - names.length)];
  if (all.length === 0) return [];
  return [{ role, content: all.join("\n\n"), model: null, createdAt: timeOf(createdAt) }];
}
