// LM Studio's ….conversation.json: a chat in each file, with all versions of a message, of which one is shown. Thoughts and
// results of tools are left out.
import { callNote } from "../agents/transcript.ts";
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
  type Context,
  type Conversation,
  type Message,
  onePerRecord,
  type Program,
  type SkipMessage,
} from "../program.ts";
import { fileText } from "../texts.ts";

export const lmStudio: Program = {
  name: "lm-studio",
  title: "chat of LM Studio",
  hasThoughtsInText: true,
  wrote: (record) =>
    Array.isArray(record["messages"]) &&
    (("tokenCount" in record && "systemPrompt" in record) ||
      Array.isArray(fieldsOf(record["messages"][0])["versions"])),
  conversations: onePerRecord(read),
};

function read(record: Fields, skip: SkipMessage, { file }: Context): Conversation {
  const { name, createdAt, systemPrompt, lastUsedModel, perChatPredictionConfig } = record;
  const fields = listOf(fieldsOf(perChatPredictionConfig)["fields"]).map(fieldsOf);
  const own = fields.find(({ key }) => key === "llm.prediction.systemPrompt")?.["value"];
  const model = modelOf(fieldsOf(lastUsedModel)["identifier"]);
  const times = [record["userLastMessagedAt"], record["assistantLastMessagedAt"]].map((at) =>
    timeOf(at),
  );
  return {
    // A file has no id. Its time does not change with the file's name.
    ...{ id: textOf(createdAt) ?? file, title: textOf(name) },
    system: [own, systemPrompt].flatMap(wordsOf)[0] ?? null,
    createdAt: timeOf(createdAt),
    lastActiveAt: Math.max(...times.map((at) => at ?? 0)) || null,
    messages: listOf(record["messages"]).flatMap((message, index) => {
      const { versions, currentlySelected } = fieldsOf(message);
      const all = listOf(versions);
      const version = all[Number(currentlySelected)] ?? all[0];
      if (isFields(version)) return toMessage(version, model);
      skip(`${index + 1}`, "has no versions");
      return [];
    }),
  };
}

function toMessage(version: Fields, defaultModel: string | null): Message[] {
  const { role, content, steps, senderInfo } = version;
  if (role !== "user" && role !== "assistant" && role !== "system") return [];
  const texts = Array.isArray(steps) ? listOf(steps).flatMap(stepText) : contentText(content);
  const all = texts.join("\n\n");
  const model = modelOf(fieldsOf(senderInfo)["senderName"], defaultModel);
  return all === ""
    ? []
    : [{ role, content: all, createdAt: null, model: role === "assistant" ? model : null }];
}

function stepText(step: unknown): string[] {
  const { type, content, style, request } = fieldsOf(step);
  const { name, parameters } = fieldsOf(request);
  if (type === "requestConfirmToolCall") return [callNote(name, parameters)];
  return type === "contentBlock" && fieldsOf(style)["type"] !== "thinking"
    ? contentText(content)
    : [];
}

function contentText(content: unknown): string[] {
  if (typeof content === "string") return wordsOf(content);
  const parts = listOf(content).map(fieldsOf);
  const words = parts.map(({ type, text }) => (type === "text" ? (textOf(text) ?? "") : ""));
  const files = parts
    .filter(({ type }) => type === "file")
    .map(({ fileType }) => fileText(null, fileType === "image" ? "image" : "file"));
  return [...wordsOf(words.join("").trim()), ...files];
}
