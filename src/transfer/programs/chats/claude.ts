// Claude's conversations.json: a tree of messages for each conversation. The import takes the branch that is shown, with
// pasted text, artifacts and created files in fences. It leaves out thoughts and calls of other tools. The project's name
// and instructions, which projects.json holds, become the system prompt.
import type { Role } from "../../../chat/message.ts";
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
  type Context,
  type Conversation,
  type Message,
  onePerRecord,
  type Program,
  type SkipMessage,
  unreadable,
} from "../program.ts";
import { documentText, filesText } from "../texts.ts";

export const claude: Program = {
  name: "claude",
  title: "conversations.json of Claude",
  wrote: (record) => "chat_messages" in record || isProject(record),
  conversations: onePerRecord((record, skip, context) =>
    isProject(record) ? noteProject(record, context) : read(record, skip, context),
  ),
};

const isProject = (record: Fields): boolean =>
  "prompt_template" in record && "uuid" in record && !("chat_messages" in record);

const projectKey = (uuid: string): string => `claude project ${uuid}`;

function noteProject({ uuid, name, prompt_template }: Fields, { shared }: Context): undefined {
  const id = textOf(uuid);
  if (id !== null) shared.set(projectKey(id), projectText(name, prompt_template));
}

const projectText = (name: unknown, instructions?: unknown): string =>
  [...wordsOf(name).map((text) => `Project: ${text}`), ...wordsOf(instructions)].join("\n\n");

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage, { shared }: Context): Conversation {
  const id = textOf(record["uuid"]);
  if (id === null) throw unreadable("has no uuid");
  const { chat_messages: values } = record;
  if (!Array.isArray(values)) throw unreadable("chat_messages: expected a list");
  const project = fieldsOf(record["project"]);
  const projectId = textOf(project["uuid"], record["project_uuid"]);
  const known = projectId === null ? undefined : shared.get(projectKey(projectId));
  const model = modelOf(record["model"]);
  const documents: Documents = new Map();
  return {
    ...{ id, title: textOf(record["name"]) },
    system: known || projectText(project["name"], project["prompt_template"]) || null,
    createdAt: timeOf(record["created_at"]),
    lastActiveAt: timeOf(record["updated_at"]),
    messages: shownOf(values, textOf(record["current_leaf_message_uuid"]), skip).flatMap(
      ({ value, number }) => toMessage(value, `${number}`, { skip, model, documents }),
    ),
  };
}

interface Numbered {
  value: unknown;
  number: number;
}

/** The branch that is shown. Older exports have no parents: all messages are shown then. */
function shownOf(values: readonly unknown[], leaf: string | null, skip: SkipMessage): Numbered[] {
  const all = values.map((value, index) => ({ value, number: index + 1 }));
  const byId = new Map<string, Numbered>();
  for (const one of all) {
    const { uuid, parent_message_uuid } = fieldsOf(one.value);
    if (typeof uuid !== "string" || typeof parent_message_uuid !== "string") return all;
    byId.set(uuid, one);
  }
  if (byId.size < all.length) return all;
  const twigs = new Map(
    [...byId].map(([id, { value }]) => {
      const { parent_message_uuid: parent, created_at } = fieldsOf(value);
      return [id, { parent: parent as string, children: [], at: timeOf(created_at) }];
    }),
  );
  return branchOf(twigs, leaf, skip).map((id) => byId.get(id)!);
}

const ROLES: ReadonlyMap<unknown, Role> = new Map([
  ["human", "user"],
  ["user", "user"],
  ["assistant", "assistant"],
]);

interface Reading {
  skip: SkipMessage;
  model: string | null;
  documents: Documents;
}

/** The artifacts so far, by their ids. */
type Documents = Map<string, { title: string; text: string }>;

function toMessage(value: unknown, number: string, { skip, model, documents }: Reading): Message[] {
  const leave = (reason: string): Message[] => {
    skip(number, reason);
    return [];
  };
  if (!isFields(value)) return leave("is no object");
  const { sender, text } = value;
  const isText = text === null || text === undefined || typeof text === "string";
  if (!isText && blocksOf(value).length === 0) return leave("text: expected text");
  const content = [...textsOf(value, documents), ...attachedTo(value)].join("\n\n");
  if (content.trim() === "") return [];
  const role = ROLES.get(sender);
  if (role === undefined) {
    const known = labelOf(sender);
    return leave(
      known === null ? "it has no sender" : `its sender ${JSON.stringify(known)} is unknown`,
    );
  }
  return [
    {
      ...{ role, content, createdAt: timeOf(value["created_at"]) },
      model: role === "assistant" ? (modelOf(value["model"]) ?? model) : null,
    },
  ];
}

const blocksOf = ({ content }: Fields): Fields[] => listOf(content).filter(isFields);

/** The message's texts; older exports have `text` alone. */
function textsOf(message: Fields, documents: Documents): string[] {
  const texts = blocksOf(message).flatMap((block) => {
    const { type, text, title } = block;
    if (type === "text") return wordsOf(text).map(withArtifacts);
    if (type === "voice_note")
      return [...wordsOf(title).map((name) => `[${name}]`), ...wordsOf(text)];
    return type === "tool_use" ? documentsIn(block, documents) : [];
  });
  return texts.length > 0 ? texts : wordsOf(message["text"]).map(withArtifacts);
}

/** Documents that Claude writes by a tool: artifacts, and created files. */
function documentsIn({ name, input }: Fields, documents: Documents): string[] {
  const given = fieldsOf(input);
  const [file] = wordsOf(given["file_text"]); // tools for files have several names
  if (file !== undefined) return [documentText(labelOf(given["path"]) ?? "file", file)];
  if (name !== "artifacts") return [];
  const id = textOf(given["id"]) ?? "";
  const { title, language, content, old_str, new_str } = given;
  const before = documents.get(id);
  const isEdit = typeof content !== "string" && typeof old_str === "string";
  const text = isEdit ? before?.text.replace(old_str, () => textOf(new_str) ?? "") : content;
  if (typeof text !== "string" || text.trim() === "") return [];
  const known = labelOf(title) ?? before?.title ?? labelOf(id) ?? "artifact";
  documents.set(id, { title: known, text });
  return [documentText(known, text, languageOf(language))];
}

const languageOf = (language: unknown): string =>
  typeof language === "string" && /^[\w+#-]{1,20}$/.test(language) ? language : "";

const ARTIFACT = /<antArtifact\b([^>]*)>([\s\S]*?)<\/antArtifact>/g;
const THOUGHT = /<antThinking>[\s\S]*?<\/antThinking>\s*/g;

/** Older exports hold artifacts in the text. */
const withArtifacts = (text: string): string =>
  text
    .replace(THOUGHT, "")
    .replace(ARTIFACT, (_, about: string, content: string) =>
      documentText(
        /\btitle="([^"]*)"/.exec(about)?.[1] || "artifact",
        content.trim(),
        languageOf(/\blanguage="([^"]*)"/.exec(about)?.[1]),
      ),
    );

/** Pasted text and the text of attached files, each under its name; other files by their names. */
function attachedTo({ attachments, files, files_v2 }: Fields): string[] {
  const read = new Set<unknown>();
  const texts = listOf(attachments).flatMap((attachment) => {
    const { file_name, extracted_content } = fieldsOf(attachment);
    const [content] = wordsOf(extracted_content);
    if (content === undefined) return [];
    read.add(file_name);
    const name = labelOf(file_name);
    return [documentText(name === null ? "pasted text" : `file: ${name}`, content)];
  });
  const others = [attachments, files, files_v2].flatMap(listOf).filter(isFields);
  const names = others
    .filter(({ file_name, file_uuid }) => labelOf(file_name) ?? labelOf(file_uuid))
    .map(({ file_name }) => labelOf(file_name))
    .filter((name) => !read.has(name));
  return [...texts, ...filesText(names)];
}
