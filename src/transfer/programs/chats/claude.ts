// Claude's conversations.json: a tree of messages for each conversation. The import takes the branch that is shown, with
// pasted text, artifacts, files and drafts of messages in fences. It leaves out thoughts and calls of other tools. The
// project's name and instructions, which projects.json holds, become the system prompt.
import type { Role } from "../../../chat/message.ts";
import { branchOf } from "../branch.ts";
import { Documents, replacing } from "../documents.ts";
import { type Element, replaceElements } from "../elements.ts";
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
  const documents = new Documents();
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

function toMessage(value: unknown, number: string, { skip, model, documents }: Reading): Message[] {
  const leave = (reason: string): Message[] => {
    skip(number, reason);
    return [];
  };
  if (!isFields(value)) return leave("is no object");
  const { sender, text } = value;
  const isReadable = text === null || text === undefined || isText(text);
  if (!isReadable && blocksOf(value).length === 0) return leave("text: expected text");
  const content = [...textsOf(value, documents), ...attachedTo(value)].join("\n\n");
  const role = ROLES.get(sender);
  if (content.trim() === "") {
    const others = blocksOf(value).filter(({ type }) => type !== "text");
    const kind = labelOf(others[0]?.["type"]) ?? "unknown";
    return role === "user" && others.length > 0 ? leave(`its content is no text (${kind})`) : [];
  }
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

const blocksOf = ({ content }: Fields): Fields[] =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : listOf(content).filter(isFields);

/** The message's texts; older exports have `text` alone. */
function textsOf(message: Fields, documents: Documents): string[] {
  const textIn = ROLES.get(message["sender"]) === "assistant" ? answerIn : wordsOf;
  const texts = joined(blocksOf(message)).flatMap((block) => {
    const { type, text, title } = block;
    if (type === "text") return textIn(text);
    if (type === "voice_note")
      return [...wordsOf(title).map((name) => `[${name}]`), ...wordsOf(text)];
    return type === "tool_use" ? documentsIn(block, documents) : [];
  });
  return texts.length > 0 ? texts : textIn(message["text"]);
}

/** Texts side by side are one text: an answer with sources is split within its sentences. */
function joined(blocks: readonly Fields[]): Fields[] {
  const all: Fields[] = [];
  for (const block of blocks) {
    const last = all.at(-1);
    const isMore = last?.["type"] === "text" && block["type"] === "text";
    if (!isMore) all.push(block);
    else
      all.splice(-1, 1, { ...last, text: [last["text"], block["text"]].filter(isText).join("") });
  }
  return all;
}

const isText = (value: unknown): value is string => typeof value === "string";

/** Documents that Claude writes by a tool: artifacts, files, and drafts of messages. */
function documentsIn({ name, input }: Fields, documents: Documents): string[] {
  const given = fieldsOf(input);
  const { id, path, title, language, content, file_text, old_str, new_str, variants } = given;
  const isArtifact = name === "artifacts";
  const key = JSON.stringify([isArtifact, textOf(isArtifact ? id : path)]);
  const label = labelOf(isArtifact ? id : path) ?? (isArtifact ? "artifact" : "file");
  const text = isArtifact ? content : file_text; // tools for files have several names
  if (isText(text)) {
    const before = documents.known(key);
    return documents.write(key, {
      ...{ name: labelOf(title) ?? before?.name ?? label, text },
      language: languageOf(language) || (before?.language ?? ""),
    });
  }
  if (isText(old_str) && (isArtifact || isText(path)))
    return documents.edit(key, [replacing(old_str, textOf(new_str) ?? "")], label);
  return listOf(variants).map(fieldsOf).flatMap(draftOf);
}

const draftOf = ({ label, subject, body }: Fields): string[] =>
  wordsOf(body).map((text) =>
    documentText([label, subject].flatMap(wordsOf).join(": ") || "message", text),
  );

const languageOf = (language: unknown): string =>
  typeof language === "string" && /^[\w+#-]{1,20}$/.test(language) ? language : "";

/** The export's stand-in for calls of tools. */
const STAND_IN = "```\nThis block is not supported on your current device yet.\n```";

/** An answer's text without stand-ins. Older exports hold artifacts and thoughts in it. */
const answerIn = (text: unknown): string[] =>
  wordsOf(text)
    .map((words) => words.replaceAll(STAND_IN, ""))
    .map((words) => replaceElements(words, /^antThinking$/, () => ""))
    .map((words) => replaceElements(words, /^antArtifact$/, artifactText))
    .flatMap(wordsOf);

const artifactText = ({ attributes, content }: Element): string =>
  documentText(
    /\btitle="([^"]*)"/.exec(attributes)?.[1] || "artifact",
    content.trim(),
    languageOf(/\blanguage="([^"]*)"/.exec(attributes)?.[1]),
  );

/** Pasted text and the text of attached files, each under its name; pictures and other files by their names. */
function attachedTo(message: Fields): string[] {
  const { attachments, files, files_v2 } = message;
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
  const pictures = blocksOf(message).filter(({ type }) => type === "image");
  return [...texts, ...filesText(names, pictures.length)];
}
