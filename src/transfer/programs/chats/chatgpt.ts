// ChatGPT's conversations.json: a tree of messages for each conversation. The import takes the branch that was shown
// last, the custom instructions as the system prompt, documents of the canvas, and names of files. It leaves out pictures,
// sound, hidden messages and calls of tools.
import type { Role } from "../../../chat/message.ts";
import { fenced } from "../../../lib/text/fence.ts";
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
import { documentText, fileText } from "../texts.ts";
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
  return {
    ...{ id, title: textOf(record["title"]) },
    system: instructionsIn([...nodes.values()]),
    createdAt: timeOf(record["create_time"]),
    lastActiveAt: timeOf(record["update_time"]),
    messages: shown.flatMap((key) => {
      const { message } = nodes.get(key)!;
      const skipped = (reason: string): void => skip(labelOf(key) ?? "without an id", reason);
      if (message === null || message === undefined) return [];
      return toMessage(fieldsOf(message), skipped, model);
    }),
  };
}

const twigOf = ({ parent, children, message }: Fields) => ({
  parent: typeof parent === "string" ? parent : null,
  children: listOf(children).filter((child) => typeof child === "string"),
  at: timeOf(fieldsOf(message)["create_time"]),
});

function toMessage(
  message: Fields,
  skip: (reason: string) => void,
  defaultModel: string | null,
): Message[] {
  const { author, recipient } = message;
  const content = contentOf(message["content"]);
  const metadata = fieldsOf(message["metadata"]);
  const isHidden = metadata["is_visually_hidden_from_conversation"] === true;
  if (isHidden || HIDDEN.has(content?.["content_type"])) return [];
  if (content === undefined) {
    skip("its content is of an unknown form");
    return [];
  }
  const name = fieldsOf(author)["role"];
  const role = ROLES.get(name);
  const text =
    role === "assistant" && typeof recipient === "string" && recipient !== "all"
      ? callText(recipient, content)
      : shownText(content, metadata, role);
  if (text.trim() === "") return [];
  if (role === undefined) {
    const known = labelOf(name);
    skip(known === null ? "it has no author" : `its role ${JSON.stringify(known)} is unknown`);
    return [];
  }
  return [
    {
      ...{ role, content: text, createdAt: timeOf(message["create_time"]) },
      model: role === "assistant" ? (modelOf(metadata["model_slug"]) ?? defaultModel) : null,
    },
  ];
}

/** The content; undefined for a form that is unknown. Some programs write a text in its place. */
function contentOf(content: unknown): Fields | undefined {
  if (typeof content === "string") return { content_type: "text", parts: [content] };
  return isFields(content) ? content : content === null || content === undefined ? {} : undefined;
}

function shownText(content: Fields, metadata: Fields, role: Role | undefined): string {
  const { parts, text, result } = content;
  const all = typeof parts === "string" ? [parts] : Array.isArray(parts) ? parts : [text, result];
  const marks = listOf(metadata["content_references"]);
  const texts = (all as unknown[])
    .map((part) => (typeof part === "string" ? part : fieldsOf(part)["text"]))
    .flatMap((part) => (typeof part === "string" && part !== "" ? [part] : []))
    .map((part) => withoutMarks(part, marks));
  return [...texts, ...(role === "user" ? filesIn(all as unknown[], metadata) : [])].join("\n\n");
}

/** Pictures and files of a question: a question of a picture alone must not vanish. */
function filesIn(parts: readonly unknown[], metadata: Fields): string[] {
  const attached = listOf(metadata["attachments"]).map(fieldsOf);
  const names = attached.map(({ name }) => fileText(labelOf(name)));
  const pictures = parts.filter((part) =>
    String(fieldsOf(part)["content_type"]).startsWith("image_asset"),
  );
  const nameless = Math.max(0, pictures.length - attached.length);
  return [...names, ...Array<string>(nameless).fill(fileText(null, "image"))];
}

/** What is shown of a call: a document of the canvas, or code that ran. */
function callText(recipient: string, content: Fields): string {
  const [text = ""] = [content["text"], ...listOf(content["parts"])].flatMap(wordsOf);
  if (recipient === "python") return text === "" ? "" : fenced(text, "python");
  if (!recipient.startsWith("canmore.create")) return "";
  try {
    const { name, content: written, type } = fieldsOf(JSON.parse(text));
    const language = /^code\/(\w+)$/.exec(textOf(type) ?? "")?.[1];
    return typeof written === "string"
      ? documentText(labelOf(name) ?? "document", written, language)
      : "";
  } catch {
    return "";
  }
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
const withoutFrame = (text: string): string =>
  /```([\s\S]+)```\s*$/.exec(text)?.[1]?.trim() ?? text;
