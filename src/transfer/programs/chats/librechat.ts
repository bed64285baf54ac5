// LibreChat's export of a conversation: a tree of messages within each other, or a list of them with their parents. The
// import takes the newest branch, and leaves out thoughts and calls of tools.
import { branchOf } from "../branch.ts";
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
  onePerRecord,
  type Program,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { filesText } from "../texts.ts";

export const libreChat: Program = {
  name: "librechat",
  title: "export of LibreChat",
  hasThoughtsInText: true,
  wrote: (record) =>
    "conversationId" in record &&
    (Array.isArray(record["messages"]) || Array.isArray(record["messagesTree"])),
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const id = textOf(record["conversationId"]);
  if (id === null) throw unreadable("has no conversationId");
  const values = [record["messages"], record["messagesTree"]].find(Array.isArray);
  if (values === undefined) throw unreadable("messages: expected a list");
  const nodes = new Map<string, { message: Fields; parent: string | null }>();
  collect(values, null, nodes, skip);
  const twigs = new Map(
    [...nodes].map(([key, { message, parent }]) => [
      key,
      { parent, children: [], at: timeOf(message["createdAt"]) },
    ]),
  );
  const options = fieldsOf(record["options"]);
  const system = [options["system"], options["promptPrefix"]].flatMap(wordsOf);
  const model = modelOf(options["model"], record["model"]);
  return {
    ...{ id, title: textOf(record["title"]), system: system[0] ?? null },
    createdAt: timeOf(record["createdAt"]),
    lastActiveAt: timeOf(record["updatedAt"]),
    messages: branchOf(twigs, null, skip).flatMap((key) =>
      toMessage(nodes.get(key)!.message, model),
    ),
  };
}

/** All messages by their ids. Those within another one have it for a parent. */
function collect(
  values: readonly unknown[],
  parent: string | null,
  nodes: Map<string, { message: Fields; parent: string | null }>,
  skip: SkipMessage,
): void {
  const waiting = values.map((value) => ({ value, parent }));
  for (let at = 0; at < waiting.length; at += 1) {
    const { value, parent: above } = waiting[at]!;
    if (!isFields(value)) {
      skip(`${at + 1}`, "is no object");
      continue;
    }
    const id = textOf(value["messageId"]) ?? `#${at + 1}`;
    nodes.set(id, { message: value, parent: above ?? textOf(value["parentMessageId"]) });
    for (const child of listOf(value["children"])) waiting.push({ value: child, parent: id });
  }
}

/** Thoughts in the text of older answers. */
const THOUGHTS = /^:::thinking\n[\s\S]*?\n:::\s*/;

function toMessage(message: Fields, defaultModel: string | null): Message[] {
  const { isCreatedByUser, sender, text, content, files, model, createdAt } = message;
  const isUser = isCreatedByUser === true || (isCreatedByUser === undefined && sender === "User");
  const parts = listOf(content).map(fieldsOf);
  const texts = parts
    .filter(({ type }) => type === "text")
    .flatMap(({ text: inside }) => [inside, fieldsOf(inside)["value"]].flatMap(wordsOf));
  const pictures = parts.filter(({ type }) => type === "image_file").length;
  const names = listOf(files).map((file) => labelOf(fieldsOf(file)["filename"]));
  const plain = typeof text === "string" ? text.replace(THOUGHTS, "") : text;
  const all = [...(texts.length > 0 ? texts : wordsOf(plain)), ...filesText(names, pictures)].join(
    "\n\n",
  );
  if (all === "") return [];
  return [
    {
      ...{ role: isUser ? "user" : "assistant", content: all, createdAt: timeOf(createdAt) },
      model: isUser ? null : modelOf(model, defaultModel),
    },
  ];
}
