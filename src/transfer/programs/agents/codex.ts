// Codex's transcripts (rollout-….jsonl): a session in each file. The import takes what a person and the agent said, and
// calls of tools in a short line. It leaves out results, thoughts, subagents, prompts that were taken back, and what the
// program adds to a prompt.
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
import { filesText } from "../texts.ts";
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
  let isSubagent = false;
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
    const { source } = payload;
    if (number === 1 && "subagent" in fieldsOf(source)) isSubagent = true;
    if (type === "turn_context") model = modelOf(payload["model"]) ?? model;
    if (payload["type"] === "thread_rolled_back")
      for (const all of [items, events]) rewind(all, Number(payload["num_turns"]));
    if (type === "event_msg") events.push(...spokenIn(payload, at, model));
    else items.push(...itemOf(payload, at, model));
  }
  // Some versions write the words of both sides as events alone.
  const spoken = items.some(({ role }) => role === "user") ? items : events;
  const messages = isSubagent ? [] : spoken;
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
  if (type === "message" && (role === "user" || role === "assistant"))
    return message(role, listOf(content).flatMap(role === "user" ? askedIn : saidIn));
  if (type === "function_call" || type === "custom_tool_call")
    return message("assistant", [callNote(name, item["arguments"] ?? item["input"])]);
  if (type === "local_shell_call") return message("assistant", [callNote("shell", action)]);
  return type === "web_search_call"
    ? message("assistant", [callNote("web search", isFields(action) ? action : { query })])
    : [];
}

const saidIn = (part: unknown): string[] => wordsOf(fieldsOf(part)["text"]);

/** Newer versions put a picture between two tags. */
const PICTURE_TAG = /^<\/?image\b[^>]*>$/;

function askedIn(part: unknown): string[] {
  if (fieldsOf(part)["type"] === "input_image") return filesText([], 1);
  return saidIn(part)
    .filter((text) => !PICTURE_TAG.test(text.trim()))
    .flatMap(promptIn);
}

const ADDED =
  /^(?:environment_context|user_instructions|INSTRUCTIONS|turn_aborted|user_shell_command|user_action|skill|subagent_notification)$/;

/** The person's words. An editor puts what is open before them. */
function promptIn(text: string): string[] {
  const request = /^# Context from my IDE/.test(text) ? text.indexOf(REQUEST) : -1;
  return request === -1
    ? ownWords(
        text.replace(/^# AGENTS\.md instructions for [^\n]*\n\s*(?=<INSTRUCTIONS>)/, ""),
        ADDED,
      )
    : wordsOf(text.slice(request + REQUEST.length).trim());
}

const REQUEST = "\n## My request for Codex:";

function spokenIn(event: Fields, createdAt: number | null, model: string | null): Message[] {
  const { type, message, images, local_images } = event;
  if (type === "agent_message")
    return wordsOf(message).map((content) => ({ role: "assistant", content, model, createdAt }));
  if (type !== "user_message") return [];
  const pictures = [images, local_images].flatMap(listOf).length;
  const texts = [...wordsOf(message).flatMap(promptIn), ...filesText([], pictures)];
  const content = texts.join("\n\n");
  return content === "" ? [] : [{ role: "user", content, model: null, createdAt }];
}

/** Takes back the last prompts with what came behind them. */
function rewind(messages: Message[], turns: number): void {
  for (let left = turns; left > 0; left -= 1) {
    const last = messages.findLastIndex(({ role }) => role === "user");
    if (last === -1) return;
    messages.length = last;
  }
}
