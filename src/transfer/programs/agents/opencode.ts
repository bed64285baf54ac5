// A session of opencode as `opencode export` writes it: messages in parts. The import takes what a person and the agent
// said, and calls of tools in a short line. It leaves out results, thoughts, what the program adds to a prompt, sessions of
// subagents, and what was taken back.
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
  onePerRecord,
  type Program,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { fileText } from "../texts.ts";
import { callNote, projectOf, projectTitle } from "./transcript.ts";

export const openCode: Program = {
  name: "opencode",
  title: "session of opencode",
  wrote: ({ info, messages }) =>
    String(fieldsOf(info)["id"]).startsWith("ses_") && Array.isArray(messages),
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const info = fieldsOf(record["info"]);
  const id = textOf(info["id"]);
  if (id === null) throw unreadable("info.id: expected a text");
  const time = fieldsOf(info["time"]);
  const reverted = textOf(fieldsOf(info["revert"])["messageID"]);
  const messages: Message[] = [];
  for (const [index, value] of listOf(record["messages"]).entries()) {
    const about = fieldsOf(fieldsOf(value)["info"]);
    if (reverted !== null && about["id"] === reverted) break;
    if (isFields(value)) messages.push(...toMessage(about, listOf(value["parts"])));
    else skip(`${index + 1}`, "is no object");
  }
  const said = textOf(info["parentID"]) === null ? messages : [];
  return {
    ...{ id, system: null, messages: said },
    createdAt: timeOf(time["created"]),
    lastActiveAt: timeOf(time["updated"]),
    ...projectTitle(projectOf(info["directory"]), titleIn(info), said),
  };
}

/** The title, unless it is the one of a session without a title. */
function titleIn({ title }: Fields): string | null {
  const text = textOf(title);
  return text === null || /^New session - \d{4}-/.test(text) ? null : text;
}

function toMessage(about: Fields, parts: readonly unknown[]): Message[] {
  const { role, time, modelID } = about;
  if (role !== "user" && role !== "assistant") return [];
  const content = parts.flatMap(shownIn).join("\n\n");
  if (content === "") return [];
  const createdAt = timeOf(fieldsOf(time)["created"]);
  return [{ role, content, createdAt, model: role === "user" ? null : modelOf(modelID) }];
}

function shownIn(part: unknown): string[] {
  const { type, text, synthetic, ignored, tool, state, filename, mime } = fieldsOf(part);
  if (type === "text") return synthetic === true || ignored === true ? [] : wordsOf(text);
  if (type === "tool") return [callNote(tool, fieldsOf(state)["input"])];
  if (type !== "file") return [];
  return [fileText(textOf(filename), textOf(mime)?.startsWith("image/") ? "image" : "file")];
}
