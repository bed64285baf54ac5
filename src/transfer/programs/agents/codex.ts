// Codex's transcripts (rollout-….jsonl): a session in each file. The import takes what a person and the agent said, and
// calls of tools in a short line. It leaves out results, thoughts and what the program adds to a prompt.
import type { Records } from "../../input/records.ts";
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
import { type Context, type Conversation, type Message, nameOf, type Program } from "../program.ts";
import { callNote, ownWords, projectOf, projectTitle } from "./transcript.ts";

export const codex: Program = {
  name: "codex",
  title: "transcript of Codex",
  wrote: ({ type, payload, id, timestamp, instructions }) =>
    ((type === "session_meta" || type === "response_item" || type === "event_msg") &&
      isFields(payload)) ||
    // the first line of older versions
    (typeof id === "string" && typeof timestamp === "string" && instructions !== undefined),
  conversations,
};

async function* conversations(
  records: Records,
  { skip, file }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  let id: string | null = null;
  let [folder, model, createdAt]: [string | null, string | null, number | null] = [
    null,
    null,
    null,
  ];
  const items: Message[] = [];
  const events: Message[] = [];
  for await (const record of records) {
    const { value, number } = record;
    if (!isFields(value)) {
      skip({ ...nameOf(record), number: 1 }, `line ${number}`, record.fault ?? "is no object");
      continue;
    }
    const { type, timestamp } = value;
    const payload = isFields(value["payload"]) ? value["payload"] : value;
    const at = timeOf(timestamp);
    if (type === "session_meta" || (number === 1 && type === undefined)) {
      id ??= textOf(payload["id"]);
      createdAt ??= timeOf(payload["timestamp"], timestamp);
    }
    folder ??= textOf(payload["cwd"]);
    if (type === "turn_context") model = modelOf(payload["model"]) ?? model;
    if (type === "event_msg") events.push(...spokenIn(payload, at, model));
    else items.push(...itemOf(payload, at, model));
  }
  // Some versions write the words of both sides as events alone.
  const messages = items.some(({ role }) => role === "user") ? items : events;
  yield {
    ...{ number: 1, id: id ?? file, system: null, createdAt, lastActiveAt: null, messages },
    ...projectTitle(projectOf(folder), null, messages),
  };
}

function itemOf(item: Fields, createdAt: number | null, model: string | null): Message[] {
  const { type, role, content, name, action, query } = item;
  const message = (from: Message["role"], texts: readonly string[]): Message[] =>
    texts.length === 0
      ? []
      : [
          {
            role: from,
            content: texts.join("\n\n"),
            model: from === "user" ? null : model,
            createdAt,
          },
        ];
  if (type === "message" && (role === "user" || role === "assistant")) {
    const texts = listOf(content).flatMap((part) => wordsOf(fieldsOf(part)["text"]));
    return message(role, role === "user" ? texts.flatMap(ownWords) : texts);
  }
  if (type === "function_call" || type === "custom_tool_call")
    return message("assistant", [callNote(name, item["arguments"] ?? item["input"])]);
  if (type === "local_shell_call") return message("assistant", [callNote("shell", action)]);
  return type === "web_search_call"
    ? message("assistant", [callNote("web search", isFields(action) ? action : { query })])
    : [];
}

function spokenIn(
  { type, message }: Fields,
  createdAt: number | null,
  model: string | null,
): Message[] {
  const [content] = type === "user_message" ? wordsOf(message).flatMap(ownWords) : wordsOf(message);
  if (content === undefined) return [];
  if (type === "user_message") return [{ role: "user", content, model: null, createdAt }];
  return type === "agent_message" ? [{ role: "assistant", content, model, createdAt }] : [];
}
