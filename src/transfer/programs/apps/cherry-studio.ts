// Cherry Studio's backup (data.json in a .zip): topics with their messages, whose blocks are a list of their own. Thoughts,
// results of tools, citations, translations and errors are left out.
import { parsedJson } from "../../../lib/json/parsed.ts";
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
import { documentText, fileText } from "../texts.ts";

export const cherryStudio: Program = {
  name: "cherry-studio",
  title: "backup of Cherry Studio",
  hasThoughtsInText: true,
  wrote: (record) => isFields(record["indexedDB"]) && "localStorage" in record,
  conversations: severalPerRecord(topicsIn, read),
};

/** The topics with their names, assistants and blocks. */
function* topicsIn({ indexedDB, localStorage }: Fields): Generator<Fields> {
  const { topics, message_blocks } = fieldsOf(indexedDB);
  const blocks = new Map(
    listOf(message_blocks)
      .map(fieldsOf)
      .map((block) => [textOf(block["id"]), block]),
  );
  const names = new Map<string | null, Fields>();
  const stored = fieldsOf(parsed(fieldsOf(localStorage)["persist:cherry-studio"]));
  for (const assistant of listOf(fieldsOf(parsed(stored["assistants"]))["assistants"]))
    for (const topic of listOf(fieldsOf(assistant)["topics"]).map(fieldsOf))
      names.set(textOf(topic["id"]), { ...topic, prompt: fieldsOf(assistant)["prompt"] });
  for (const value of listOf(topics)) {
    const topic = fieldsOf(value);
    yield { ...names.get(textOf(topic["id"])), ...topic, blocks };
  }
}

/** The program's state is JSON within JSON. */
const parsed = (value: unknown): unknown => (typeof value === "string" ? parsedJson(value) : value);

/** @throws AppError `invalid` when the conversation is unreadable */
function read(topic: Fields, skip: SkipMessage): Conversation {
  const id = textOf(topic["id"]);
  if (id === null) throw unreadable("has no id");
  const blocks = topic["blocks"] as ReadonlyMap<string | null, Fields>;
  return {
    ...{ id, title: textOf(topic["name"]), system: wordsOf(topic["prompt"])[0] ?? null },
    createdAt: timeOf(topic["createdAt"]),
    lastActiveAt: timeOf(topic["updatedAt"]),
    messages: listOf(topic["messages"]).flatMap((message, index) => {
      if (isFields(message)) return toMessage(message, blocks);
      skip(`${index + 1}`, "is no object");
      return [];
    }),
  };
}

function toMessage(message: Fields, blocks: ReadonlyMap<string | null, Fields>): Message[] {
  const { role, type, content, model, modelId, createdAt } = message;
  if (role !== "user" && role !== "assistant" && role !== "system") return [];
  if (type === "clear") return [];
  const own = listOf(message["blocks"]).flatMap((id) => blockText(blocks.get(textOf(id)) ?? {}));
  // Messages of older versions have their text, and no blocks.
  const all = (own.length > 0 ? own : wordsOf(content)).join("\n\n");
  if (all === "") return [];
  return [
    {
      ...{ role, content: all, createdAt: timeOf(createdAt) },
      model: role === "assistant" ? modelOf(fieldsOf(model)["id"], modelId) : null,
    },
  ];
}

function blockText(block: Fields): string[] {
  const { type, content, language, file, toolName } = block;
  if (type === "main_text") return wordsOf(content);
  if (type === "code")
    return wordsOf(content).map((text) => documentText("code", text, textOf(language) ?? ""));
  if (type === "image") return [fileText(null, "image")];
  if (type === "tool") return [callNote(toolName, block["arguments"])];
  if (type !== "file") return [];
  return [fileText(labelOf(fieldsOf(file)["origin_name"]) ?? labelOf(fieldsOf(file)["name"]))];
}
