// Shared parts of coding agents' transcripts: JSON Lines that a program appends to while it works. Each line becomes at most
// one message, so that a later import of the grown file continues the session.
import { titleOf } from "../../../chat/title.ts";
import { parsedJson } from "../../../lib/json/parsed.ts";
import { beginsLine, type Element, elementsIn, replaceElements } from "../elements.ts";
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
  const value = parsedJson(text);
  return value === undefined ? { input: text } : fieldsOf(value);
}

/** Elements that a program puts before a person's words, or in their place. */
export function leadingIn(text: string, names: RegExp): Element[] {
  let past = 0;
  const elements = elementsIn(text, names);
  const other = elements.findIndex(({ start, end }) => {
    const isApart = text.slice(past, start).trim() !== "";
    past = end;
    return isApart;
  });
  return other === -1 ? elements : elements.slice(0, other);
}

/** The person's own words, without the program's elements before them. Elements of the same names within them are theirs. */
export function ownWords(text: string, names: RegExp): string[] {
  const words = text.slice(leadingIn(text, names).at(-1)?.end ?? 0);
  // A program's reminder may also follow, on a line of its own.
  const own = replaceElements(words, /^system[-_]reminder$/, ({ start }) =>
    beginsLine(words, start) ? "" : undefined,
  );
  return wordsOf(own.trim());
}

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
