// Shared parts of coding agents' transcripts: JSON Lines that a program appends to while it works. Each line becomes at most
// one message, so that a later import of the grown file continues the session.
import { titleOf } from "../../../chat/title.ts";
import { fieldsOf, textOf, wordsOf } from "../fields.ts";
import type { Conversation, Message } from "../program.ts";

/** Longest note of a call, in characters. */
const MAX_NOTE = 200;

/** Arguments that say best what a call does. */
const TELLING = [
  ...["command", "cmd", "file_path", "path", "notebook_path", "pattern", "query", "url"],
  ...["description", "prompt", "input"],
] as const;

/** A call of a tool in a short line: `[Bash: npm test]`. */
export function callNote(name: unknown, input: unknown): string {
  const given = typeof input === "string" ? parsed(input) : fieldsOf(input);
  const value = TELLING.map((key) => given[key]).find((one) => one !== undefined && one !== "");
  const about = Array.isArray(value)
    ? value.filter((one) => typeof one === "string").join(" ")
    : value;
  const line = (textOf(about) ?? "").replace(/\s+/g, " ").trim();
  const short = line.length > MAX_NOTE ? `${line.slice(0, MAX_NOTE).toWellFormed()}…` : line;
  return `[${textOf(name) ?? "tool"}${short === "" ? "" : `: ${short}`}]`;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return { input: text };
  }
}

/** What the programs put around a person's words, or in their place. */
const ADDED =
  /<(system-reminder|environment_context|user_instructions|ide_\w+|command-\w+|local-command-\w+|INSTRUCTIONS|turn_aborted|user_info|attached_files|project_layout|open_and_recently_viewed_files|git_status|rules|agent_skills|additional_data|timestamp)\b[^>]*>[\s\S]*?<\/\1>/g;

/** The person's own words. */
export const ownWords = (text: string): string[] =>
  wordsOf(
    text
      .replace(/^# AGENTS\.md instructions for [^\n]*\s*/, "")
      .replace(ADDED, "")
      .replace(/<\/?user_query>/g, "")
      .trim(),
  );

/** The name of a folder, which is the project's. */
export const projectOf = (folder: unknown): string | null =>
  textOf(folder)?.split(/[\\/]/).findLast(Boolean) ?? null;

/** The title, with the project's name before it. */
export function projectTitle(
  project: string | null,
  title: string | null,
  messages: readonly Message[],
): Pick<Conversation, "title"> {
  const question = messages.find(({ role }) => role === "user")?.content;
  const words = title ?? (question === undefined ? undefined : titleOf(question));
  return { title: [project, words].filter(Boolean).join(": ") || null };
}
