// Gemini CLI's chats (chats/session-….json and .jsonl): one document, or lines of messages, newer forms of them, and
// rewinds. The import leaves out results, thoughts, notes of the program and subagents.
import type { Records } from "../../input/records.ts";
import { type Fields, fieldsOf, isFields, listOf, modelOf, textOf, timeOf } from "../fields.ts";
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { fileText } from "../texts.ts";
import { callNote, projectOf, projectTitle } from "./transcript.ts";

export const geminiCli: Program = {
  name: "gemini-cli",
  title: "chat of Gemini CLI",
  wrote: (record) => "projectHash" in record && "sessionId" in record,
  conversations,
};

async function* conversations(
  records: Records,
  { skip, file }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  let about: Fields = {};
  const messages = new Map<string, Fields>();
  for await (const record of records) {
    const { value, number } = record;
    if (!isFields(value)) {
      const where = { ...nameOf(record), number: 1 };
      skip(where, `line ${number}`, record.fault ?? "is no object");
    } else if (typeof value["$rewindTo"] === "string") rewind(messages, value["$rewindTo"]);
    else if (typeof value["id"] === "string") messages.set(value["id"], value);
    else about = { ...about, ...(isFields(value["$set"]) ? value["$set"] : value) };
  }
  const listed = listOf(about["messages"]).map(fieldsOf);
  const all = listed.length > 0 ? listed : [...messages.values()];
  const said = about["kind"] === "subagent" ? [] : all.flatMap(toMessage);
  yield {
    ...{ number: 1, id: textOf(about["sessionId"]) ?? file, system: null, messages: said },
    createdAt: timeOf(about["startTime"]),
    lastActiveAt: timeOf(about["lastUpdated"]),
    ...projectTitle(projectOf(listOf(about["directories"])[0]), textOf(about["summary"]), said),
  };
}

/** Takes back the message with all behind it; all messages for an unknown one. */
function rewind(messages: Map<string, Fields>, to: string): void {
  let isBehind = !messages.has(to);
  for (const id of messages.keys()) {
    isBehind ||= id === to;
    if (isBehind) messages.delete(id);
  }
}

/** Types of messages that the program shows beside the conversation. */
const NOTES: ReadonlySet<unknown> = new Set(["info", "warning", "error"]);

/** Begins the text of files that a prompt names. */
const REFERENCED = "--- Content from referenced files ---";

function toMessage(message: Fields): Message[] {
  const { type, timestamp, content, displayContent, toolCalls, model } = message;
  if (type === undefined || NOTES.has(type)) return [];
  const isUser = type === "user";
  const parts = partsIn(displayContent ?? content).map(shownIn);
  const files = parts.findIndex((text) => text.trim().startsWith(REFERENCED));
  const words = parts.slice(0, files === -1 ? undefined : files).join("");
  const calls = listOf(toolCalls)
    .map(fieldsOf)
    .map(({ name, displayName, args }) => callNote(textOf(displayName, name), args));
  const all = [words.trim(), ...calls].filter(Boolean).join("\n\n");
  if (all === "") return [];
  return [
    {
      ...{ role: isUser ? "user" : "assistant", content: all, createdAt: timeOf(timestamp) },
      model: isUser ? null : modelOf(model),
    },
  ];
}

/** Parts of Gemini's API: a text, a part, or a list of both. */
const partsIn = (content: unknown): readonly unknown[] =>
  Array.isArray(content) ? (content as unknown[]) : [content];

function shownIn(part: unknown): string {
  if (typeof part === "string") return part;
  const { text, thought, inlineData, fileData } = fieldsOf(part);
  if (thought === true) return "";
  if (typeof text === "string") return text;
  const { mimeType, displayName } = fieldsOf(inlineData ?? fileData);
  if (typeof mimeType !== "string") return "";
  return `\n\n${fileText(textOf(displayName), mimeType.startsWith("image/") ? "image" : "file")}\n\n`;
}
