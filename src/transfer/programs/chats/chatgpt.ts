// ChatGPT's conversations.json: a tree of messages for each conversation. The import takes the branch that was shown
// last, the custom instructions as the system prompt, documents of the canvas, code with its output, and names of files. It
// leaves out pictures, sound, hidden messages, calls of other tools, and what tools say to the model.
import type { Role } from "../../../chat/message.ts";
import { parsedJson } from "../../../lib/json/parsed.ts";
import { fenced } from "../../../lib/text/fence.ts";
import { branchOf } from "../branch.ts";
import { Documents, type Edit, replacing } from "../documents.ts";
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
import { withoutMarks } from "./chatgpt-marks.ts";

const ROLES: ReadonlyMap<unknown, Role> = new Map([
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
]);

/** Content types that ChatGPT hides from its user. */
const HIDDEN: ReadonlySet<unknown> = new Set([
  ...["thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"],
]);

export const chatGpt: Program = {
  name: "chatgpt",
  title: "conversations.json of ChatGPT",
  wrote: (record) => isFields(record["mapping"]) && !("inserted_at" in record), // DeepSeek's has one
  conversations: onePerRecord(read),
};

/** @throws AppError `invalid` when the conversation is unreadable */
function read(record: Fields, skip: SkipMessage): Conversation {
  const { mapping } = record;
  if (!isFields(mapping)) throw unreadable("mapping: expected an object");
  const id = textOf(record["conversation_id"], record["id"]);
  if (id === null) throw unreadable("has no id");
  // Use a Map: ids come from the file, and `__proto__` must be an id like any other.
  const nodes = new Map(Object.entries(mapping).map(([key, node]) => [key, fieldsOf(node)]));
  const twigs = new Map([...nodes].map(([key, node]) => [key, twigOf(node)]));
  const shown = branchOf(twigs, textOf(record["current_node"]), skip);
  const model = modelOf(record["default_model_slug"]);
  const documents = new Documents();
  return {
    ...{ id, title: textOf(record["title"]) },
    system: instructionsIn([...nodes.values()]),
    createdAt: timeOf(record["create_time"]),
    lastActiveAt: timeOf(record["update_time"]),
    messages: shown.flatMap((key) => {
      const { message } = nodes.get(key)!;
      if (message === null || message === undefined) return [];
      return toMessage(fieldsOf(message), {
        ...{ model, documents },
        skip: (reason) => skip(labelOf(key) ?? "without an id", reason),
      });
    }),
  };
}

const twigOf = ({ parent, children, message }: Fields) => ({
  parent: typeof parent === "string" ? parent : null,
  children: listOf(children).filter((child) => typeof child === "string"),
  at: timeOf(fieldsOf(message)["create_time"]),
});

interface Reading {
  skip: (reason: string) => void;
  model: string | null;
  documents: Documents;
}

function toMessage(message: Fields, { skip, model, documents }: Reading): Message[] {
  const { author } = message;
  const content = contentOf(message["content"]);
  const metadata = fieldsOf(message["metadata"]);
  const isHidden =
    metadata["is_visually_hidden_from_conversation"] === true ||
    metadata["is_user_system_message"] === true; // it stands for custom instructions
  if (isHidden || HIDDEN.has(content?.["content_type"])) return [];
  if (content === undefined) {
    skip("its content is of an unknown form");
    return [];
  }
  const name = fieldsOf(author)["role"];
  const role = ROLES.get(name);
  const recipient = textOf(message["recipient"]) ?? "all";
  const texts =
    role === "tool"
      ? outputOf(content, metadata)
      : role === "assistant" && recipient !== "all"
        ? calledIn(recipient, content, documents)
        : shownIn(content, metadata, role);
  const text = texts.join("\n\n");
  if (text.trim() === "") {
    const kind = labelOf(content["content_type"]) ?? "unknown";
    if (role === "user" && isOther(content)) skip(`its content is no text (${kind})`);
    return [];
  }
  if (role === undefined) {
    const known = labelOf(name);
    skip(known === null ? "it has no author" : `its role ${JSON.stringify(known)} is unknown`);
    return [];
  }
  return [
    {
      ...{ role, content: text, createdAt: timeOf(message["create_time"]) },
      model: role === "assistant" ? (modelOf(metadata["model_slug"]) ?? model) : null,
    },
  ];
}

/** The content; undefined for a form that is unknown. Some programs write a text in its place. */
function contentOf(content: unknown): Fields | undefined {
  if (typeof content === "string") return { content_type: "text", parts: [content] };
  return isFields(content) ? content : content === null || content === undefined ? {} : undefined;
}

function partsOf({ parts, text, result }: Fields): readonly unknown[] {
  if (typeof parts === "string") return [parts];
  return Array.isArray(parts) ? (parts as unknown[]) : [text, result];
}

/** True for content that is neither text nor nothing, as sound. */
const isOther = (content: Fields): boolean =>
  partsOf(content).some(isFields) ||
  ("content_type" in content && !("parts" in content || "text" in content));

const isPicture = (part: unknown): boolean =>
  String(fieldsOf(part)["content_type"]).startsWith("image_asset");

function shownIn(content: Fields, metadata: Fields, role: Role | undefined): string[] {
  const parts = partsOf(content);
  const marks = listOf(metadata["content_references"]);
  const texts = parts
    .map((part) => (typeof part === "string" ? part : fieldsOf(part)["text"]))
    .flatMap((part) => (typeof part === "string" && part !== "" ? [part] : []))
    .map((part) => withoutMarks(part, marks));
  // Name pictures and files: a question of a picture alone must not vanish.
  const attached = role === "user" ? listOf(metadata["attachments"]).map(fieldsOf) : [];
  const names = attached.map(({ name }) => labelOf(name));
  return [...texts, ...filesText(names, parts.filter(isPicture).length)];
}

/** What a person sees of a tool: the output of code, and pictures. All else is said to the model. */
function outputOf(content: Fields, metadata: Fields): string[] {
  const { content_type, text } = content;
  const parts = partsOf(content);
  // Pictures beside text are pages of a file that the model read.
  const pictures = parts.every(isPicture) ? parts.length : 0;
  const charts = listOf(fieldsOf(metadata["aggregate_result"])["messages"])
    .map(fieldsOf)
    .filter(({ message_type }) => message_type === "image");
  const output = content_type === "execution_output" ? wordsOf(text) : [];
  return [...output, ...filesText([], pictures + charts.length)];
}

/** What is shown of a call: code that ran, or a document of the canvas. */
function calledIn(recipient: string, content: Fields, documents: Documents): string[] {
  const [text = ""] = [content["text"], ...listOf(content["parts"])].flatMap(wordsOf);
  if (recipient.startsWith("python")) return text === "" ? [] : [fenced(text, "python")];
  if (!recipient.startsWith("canmore.")) return [];
  const { name, content: written, type, updates } = fieldsOf(parsedJson(text));
  const edits = listOf(updates).map(fieldsOf).flatMap(editOf);
  if (edits.length > 0) return documents.edit(CANVAS, edits, "document");
  if (typeof written !== "string") return [];
  const language = /^code\/(\w+)$/.exec(textOf(type) ?? "")?.[1] ?? "";
  return documents.write(CANVAS, { name: labelOf(name) ?? "document", text: written, language });
}

/** A conversation has one canvas, and edits name no other. */
const CANVAS = "canvas";

/** An edit by a regular expression. Only those that stand for plain words, or for all, are done: a file is no program. */
function editOf({ pattern, replacement, multiple }: Fields): Edit[] {
  if (typeof pattern !== "string" || typeof replacement !== "string") return [];
  const passage = replacement;
  if (/^\^?(?:\(\?s\))?\.[*+]\$?$/.test(pattern)) return [{ passage, apply: () => passage }];
  const isPlain = !/\\[A-Za-z0-9]/.test(pattern) && !/(?<!\\)[.^$*+?()[\]{}|]/.test(pattern);
  return isPlain
    ? [replacing(pattern.replace(/\\(.)/gs, "$1"), passage, { every: multiple === true })]
    : [{ passage, apply: () => undefined }];
}

/** Custom instructions: what the user says of themselves, and how to answer. */
function instructionsIn(nodes: readonly Fields[]): string | null {
  const messages = nodes.map(({ message }) => fieldsOf(message));
  for (const { content, metadata } of messages) {
    const { content_type, user_profile, user_instructions } = fieldsOf(content);
    const { about_user_message, about_model_message } = fieldsOf(
      fieldsOf(metadata)["user_context_message_data"],
    );
    const texts = [about_user_message, about_model_message].flatMap(wordsOf);
    if (texts.length > 0) return texts.join("\n\n");
    const own = [user_profile, user_instructions].flatMap(wordsOf).map(withoutFrame);
    if (content_type === "user_editable_context" && own.length > 0) return own.join("\n\n");
  }
  return null;
}

/** The user's words: ChatGPT puts them into a fence, behind an explanation for the model. */
function withoutFrame(text: string): string {
  const [from, end] = [text.indexOf("```"), text.trimEnd()];
  const isFramed = from !== -1 && end.endsWith("```") && end.length - from > 6;
  return isFramed ? end.slice(from + 3, -3).trim() : text;
}
