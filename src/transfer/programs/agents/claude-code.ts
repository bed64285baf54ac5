// Claude Code's transcripts: JSON Lines, a session in each file. The import takes what a person and the agent said, and
// calls of tools in a short line. It leaves out results, thoughts, subagents and prompts that were rewound.
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
import { callNote, leadingIn, ownWords, projectOf, projectTitle } from "./transcript.ts";

export const claudeCode: Program = {
  name: "claude-code",
  title: "transcript of Claude Code",
  wrote: ({ type, sessionId, message, summary, leafUuid, messageId, snapshot }) =>
    (typeof sessionId === "string" &&
      typeof type === "string" &&
      (isFields(message) || BESIDE.has(type))) ||
    // a file may begin with many of these
    (type === "file-history-snapshot" && typeof messageId === "string" && isFields(snapshot)) ||
    (type === "summary" && typeof summary === "string" && leafUuid !== undefined),
  conversations,
};

/** Types of lines that hold no message. */
const BESIDE: ReadonlySet<string> = new Set([
  ...["attachment", "progress", "queue-operation", "system", "permission-mode", "mode"],
  ...["custom-title", "ai-title", "agent-name", "last-prompt"],
]);

interface Line {
  id: string | null;
  parent: string | null;
  /** True for a person's prompt, which a rewind replaces. */
  isPrompt: boolean;
  message: Message | undefined;
}

interface Session {
  lines: Line[];
  title: string | null;
  folder: string | null;
}

async function* conversations(
  records: Records,
  { skip }: Context,
): AsyncGenerator<Conversation & { number: number }> {
  const sessions = new Map<string, Session>();
  const titles: string[] = [];
  for await (const record of records) {
    if (!isFields(record.value)) {
      skip(
        { ...nameOf(record), number: 1 },
        `line ${record.number}`,
        record.fault ?? "is no object",
      );
      continue;
    }
    const { type, uuid, message, sessionId, summary, customTitle, aiTitle } = record.value;
    const title = textOf(customTitle, aiTitle, type === "summary" ? summary : null);
    if (title !== null) titles.push(title);
    if (typeof sessionId !== "string") continue;
    const session = sessions.get(sessionId) ?? { lines: [], title: null, folder: null };
    sessions.set(sessionId, session);
    session.folder ??= textOf(record.value["cwd"]);
    session.title = (type !== "summary" && title) || session.title;
    if (typeof uuid === "string" || isFields(message)) session.lines.push(lineOf(record.value));
  }
  let number = 0;
  for (const [id, { lines, title, folder }] of sessions) {
    const messages = shownIn(lines);
    const name = title ?? (sessions.size === 1 ? (titles.at(-1) ?? null) : null);
    yield {
      ...{ number: (number += 1), id, system: null, createdAt: null, lastActiveAt: null },
      ...{ ...projectTitle(projectOf(folder), name, messages), messages },
    };
  }
}

function lineOf(line: Fields): Line {
  const { uuid, parentUuid, timestamp } = line;
  const { role, content, model } = spokenIn(line);
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : listOf(content);
  const texts = role === undefined ? [] : blocks.flatMap((block) => shownOf(block, role));
  const isResult = blocks.some((block) => fieldsOf(block)["type"] === "tool_result");
  return {
    ...{
      id: textOf(uuid),
      parent: textOf(parentUuid),
      isPrompt: line["type"] === "user" && "parentUuid" in line && !isResult && texts.length > 0,
    },
    message:
      texts.length === 0 || role === undefined
        ? undefined
        : {
            ...{ role, content: texts.join("\n\n"), createdAt: timeOf(timestamp) },
            model: role === "assistant" ? modelOf(model) : null,
          },
  };
}

interface Spoken {
  /** Undefined for a line that is not shown. */
  role?: "user" | "assistant";
  content?: unknown;
  model?: unknown;
}

function spokenIn({ type, message, attachment, ...line }: Fields): Spoken {
  const attached = fieldsOf(attachment);
  const isHidden = ["isSidechain", "isMeta", "isCompactSummary", "isVisibleInTranscriptOnly"].some(
    (key) => line[key] === true || attached[key] === true,
  );
  if (isHidden) return {};
  const { content, model } = fieldsOf(message);
  if (type === "user") return { role: type, content };
  // The program itself writes errors and the like in an answer's place.
  if (type === "assistant") return model === "<synthetic>" ? {} : { role: type, content, model };
  // A prompt that waited while the agent worked.
  const { type: kind, prompt, commandMode = "prompt" } = attached;
  const isQueued = type === "attachment" && kind === "queued_command" && commandMode === "prompt";
  return isQueued ? { role: "user", content: prompt } : {};
}

function shownOf(block: unknown, role: "user" | "assistant"): string[] {
  const { type, text, name, input } = fieldsOf(block);
  if (type === "text")
    return role === "user" && typeof text === "string" ? promptIn(text) : wordsOf(text);
  if (type === "tool_use") return [callNote(name, input)];
  return type === "image" || type === "document" ? [`[${type}]`] : [];
}

const ADDED =
  /^(?:system-reminder|ide_\w+|command-\w+|local-command-\w+|bash-\w+|task-notification|teammate-message)$/;
const INTERRUPTED = /^\[Request interrupted by user(?: for tool use)?\]$/;

/** The person's words. A command of the person's own, or one with words behind it, is a prompt: `/review the parser`. */
function promptIn(text: string): string[] {
  if (INTERRUPTED.test(text.trim())) return [];
  const added = leadingIn(text, ADDED);
  const [name, args] = ["command-name", "command-args"].map((wanted) =>
    added.find((element) => element.name === wanted)?.content.trim(),
  );
  // The program's own commands, such as /clear, begin with the name.
  const isPrompt = Boolean(name && (args || added[0]!.name === "command-message"));
  const command = isPrompt ? [[name, args].filter(Boolean).join(" ")] : [];
  return [...command, ...ownWords(text, ADDED)];
}

/** The messages in order, without prompts that another one replaced, and what came behind them. */
function shownIn(lines: readonly Line[]): Message[] {
  const last = new Map<string | null, Line>();
  for (const line of lines) if (line.isPrompt) last.set(line.parent, line);
  const left = new Set<string>();
  return lines.flatMap((line) => {
    const { id, parent, isPrompt, message } = line;
    const isReplaced = isPrompt && last.get(parent) !== line;
    if (isReplaced || (parent !== null && left.has(parent))) {
      if (id !== null) left.add(id);
      return [];
    }
    return message === undefined ? [] : [message];
  });
}
