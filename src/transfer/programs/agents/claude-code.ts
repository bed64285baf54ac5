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
import { callNote, ownWords, projectOf, projectTitle } from "./transcript.ts";

export const claudeCode: Program = {
  name: "claude-code",
  title: "transcript of Claude Code",
  wrote: ({ type, sessionId, message, summary, leafUuid }) =>
    (typeof sessionId === "string" && typeof type === "string" && isFields(message)) ||
    (type === "summary" && typeof summary === "string" && leafUuid !== undefined),
  conversations,
};

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
    const { type, sessionId, summary, customTitle, aiTitle } = record.value;
    const title = textOf(customTitle, aiTitle, type === "summary" ? summary : null);
    if (title !== null) titles.push(title);
    if (typeof sessionId !== "string") continue;
    const session = sessions.get(sessionId) ?? { lines: [], title: null, folder: null };
    sessions.set(sessionId, session);
    session.folder ??= textOf(record.value["cwd"]);
    session.title = (type !== "summary" && title) || session.title;
    if (type === "user" || type === "assistant" || type === "system" || type === "attachment")
      session.lines.push(lineOf(record.value));
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
  const { type, uuid, parentUuid, timestamp, message } = line;
  const { content, model } = fieldsOf(message);
  const isHidden = ["isSidechain", "isMeta", "isCompactSummary", "isVisibleInTranscriptOnly"].some(
    (key) => line[key] === true,
  );
  const role = type === "user" || type === "assistant" ? type : undefined;
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : listOf(content);
  const texts =
    role === undefined || isHidden ? [] : blocks.flatMap((block) => shownOf(block, role));
  const isResult = blocks.some((block) => fieldsOf(block)["type"] === "tool_result");
  return {
    ...{
      id: textOf(uuid),
      parent: textOf(parentUuid),
      isPrompt: role === "user" && !isResult && texts.length > 0,
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

function shownOf(block: unknown, role: "user" | "assistant"): string[] {
  const { type, text, name, input } = fieldsOf(block);
  if (type === "text")
    return role === "user" && typeof text === "string" ? ownWords(text) : wordsOf(text);
  if (type === "tool_use") return [callNote(name, input)];
  return type === "image" || type === "document" ? [`[${type}]`] : [];
}

/** The messages in order, without prompts that another one replaced, and what came behind them. */
function shownIn(lines: readonly Line[]): Message[] {
  const last = new Map<string, Line>();
  for (const line of lines) if (line.isPrompt && line.parent !== null) last.set(line.parent, line);
  const left = new Set<string>();
  return lines.flatMap((line) => {
    const { id, parent, isPrompt, message } = line;
    const isReplaced = isPrompt && parent !== null && last.get(parent) !== line;
    if (isReplaced || (parent !== null && left.has(parent))) {
      if (id !== null) left.add(id);
      return [];
    }
    return message === undefined ? [] : [message];
  });
}
