// DeepSeek's conversations.json: a tree of messages, each in fragments. Thoughts and searches are left out.
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

export const deepSeek: Program = {
  name: "deepseek",
  title: "conversations.json of DeepSeek",
  wrote: (record) => isFields(record["mapping"]) && "inserted_at" in record,
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const { mapping } = record;
  if (!isFields(mapping)) throw unreadable("mapping: expected an object");
  const id = textOf(record["id"]);
  if (id === null) throw unreadable("has no id");
  const nodes = new Map(Object.entries(mapping).map(([key, node]) => [key, fieldsOf(node)]));
  const twigs = new Map(
    [...nodes].map(([key, { parent, children, message }]) => [
      key,
      {
        parent: textOf(parent),
        children: listOf(children).flatMap((child) => textOf(child) ?? []),
        at: timeOf(fieldsOf(message)["inserted_at"]),
      },
    ]),
  );
  return {
    ...{ id, title: textOf(record["title"]), system: null },
    createdAt: timeOf(record["inserted_at"]),
    lastActiveAt: timeOf(record["updated_at"]),
    messages: branchOf(twigs, textOf(record["current_node"]), skip).flatMap((key) =>
      toMessage(nodes.get(key)!["message"], (reason) =>
        skip(labelOf(key) ?? "without an id", reason),
      ),
    ),
  };
}

function toMessage(message: unknown, skip: (reason: string) => void): Message[] {
  if (message === null || message === undefined) return [];
  const { fragments, files, model, inserted_at } = fieldsOf(message);
  const [content] = wordsOf(fieldsOf(message)["content"]);
  // Older exports have a role and a text in place of fragments.
  const asks = textOf(fieldsOf(message)["role"])?.toLowerCase() === "user";
  const older = content === undefined ? [] : [{ type: asks ? "REQUEST" : "RESPONSE", content }];
  const parts: Fields[] = Array.isArray(fragments) ? fragments.map(fieldsOf) : older;
  if (!Array.isArray(fragments) && content === undefined) {
    skip("fragments: expected a list");
    return [];
  }
  const attached = [...listOf(files).map(fieldsOf), ...parts.filter(({ type }) => type === "FILE")];
  const names = attached.map(({ file_name, name }) => labelOf(file_name) ?? labelOf(name));
  // A question of a file alone has no words.
  const isFile = names.length > 0 && parts.every(({ type }) => type === "FILE");
  const role = isFile || parts.some(({ type }) => type === "REQUEST") ? "user" : "assistant";
  const shown = role === "user" ? "REQUEST" : "RESPONSE";
  const texts = parts
    .filter(({ type }) => type === shown)
    .flatMap(({ content }) => wordsOf(content));
  const all = [...texts, ...filesText(names)].join("\n\n");
  if (all === "") return [];
  return [
    {
      ...{ role, content: all, createdAt: timeOf(inserted_at) },
      model: role === "assistant" ? modelOf(model) : null,
    },
  ];
}
