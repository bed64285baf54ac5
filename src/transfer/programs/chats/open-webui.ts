// Open WebUI's export: a list of chats, each with a tree of messages. The import takes the branch that is shown. It leaves
// out thoughts and calls of tools, which are HTML in an answer.
import { branchOf } from "../branch.ts";
import { beginsLine, replaceElements } from "../elements.ts";
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
import { filesText, fileText } from "../texts.ts";

export const openWebUi: Program = {
  name: "open-webui",
  title: "export of Open WebUI",
  hasThoughtsInText: true,
  wrote: (record) =>
    isFields(historyOf(record)["messages"]) ||
    (isFields(record["chat"]) && Array.isArray(record["chat"]["messages"])),
  conversations: onePerRecord(read),
};

/** The chat in a record of all chats, or the record itself, as a chat exported alone. */
const chatOf = (record: Fields): Fields => (isFields(record["chat"]) ? record["chat"] : record);
const historyOf = (record: Fields): Fields => fieldsOf(chatOf(record)["history"]);

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const [chat, history] = [chatOf(record), historyOf(record)];
  const nodes = nodesOf(history["messages"] ?? chat["messages"]);
  if (nodes === undefined) throw unreadable("history.messages: expected an object");
  const twigs = new Map(
    [...nodes].map(([key, { parentId, childrenIds, timestamp }]) => [
      key,
      {
        parent: textOf(parentId),
        children: listOf(childrenIds).flatMap((child) => textOf(child) ?? []),
        at: timeOf(timestamp),
      },
    ]),
  );
  // A chat exported alone may have no id; the first message's id stands for it.
  const id = textOf(record["id"], chat["id"], ...nodes.keys());
  if (id === null) throw unreadable("has no id");
  const model = modelOf(...listOf(chat["models"]));
  const system = [fieldsOf(chat["params"])["system"], chat["system"]].flatMap(wordsOf);
  return {
    ...{ id, title: textOf(record["title"], chat["title"]), system: system[0] ?? null },
    createdAt: timeOf(record["created_at"], chat["timestamp"]),
    lastActiveAt: timeOf(record["updated_at"]),
    messages: branchOf(twigs, textOf(history["currentId"]), skip).flatMap((key) =>
      toMessage(nodes.get(key)!, model, (reason) => skip(labelOf(key) ?? "without an id", reason)),
    ),
  };
}

/** The messages by their ids. Old chats have a list, in which each message follows the one before. */
function nodesOf(messages: unknown): Map<string, Fields> | undefined {
  if (isFields(messages))
    return new Map(Object.entries(messages).map(([key, node]) => [key, fieldsOf(node)]));
  if (!Array.isArray(messages)) return undefined;
  return new Map(
    messages.map((node, n) => [`${n}`, { ...fieldsOf(node), parentId: n === 0 ? null : n - 1 }]),
  );
}

function toMessage(
  { role, content, files, model, timestamp }: Fields,
  defaultModel: string | null,
  skip: (reason: string) => void,
): Message[] {
  const texts =
    typeof content === "string" ? [content] : listOf(content).map((part) => fieldsOf(part)["text"]);
  const text = texts
    .flatMap(wordsOf)
    .map((words) => (role === "assistant" ? withoutDetails(words) : words))
    .filter(Boolean);
  const names = listOf(files).map(fieldsOf).map(nameOf);
  const pictures = listOf(content).filter((part) => fieldsOf(part)["type"] === "image_url");
  const all = [...text, ...new Set(names), ...filesText([], pictures.length)].join("\n\n");
  if (all.trim() === "") return [];
  if (role !== "user" && role !== "assistant" && role !== "system") {
    skip(`its role ${JSON.stringify(labelOf(role))} is unknown`);
    return [];
  }
  return [
    {
      ...{ role, content: all, createdAt: timeOf(timestamp) },
      model: role === "assistant" ? modelOf(model, defaultModel) : null,
    },
  ];
}

const nameOf = ({ type, name, file }: Fields): string =>
  fileText(
    labelOf(name) ?? labelOf(fieldsOf(file)["filename"]),
    type === "image" ? "image" : "file",
  );

/** Thoughts, and calls of tools with their results. */
const HIDDEN = /\btype="(?:reasoning|tool_calls|code_interpreter)"/;

const withoutDetails = (text: string): string =>
  replaceElements(text, /^details$/, ({ attributes, start }) =>
    HIDDEN.test(attributes) && beginsLine(text, start) ? "" : undefined,
  ).trim();
