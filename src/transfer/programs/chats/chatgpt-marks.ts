// ChatGPT's marks of sources and names in an answer. Its page draws them as links; elsewhere they are unreadable.
import { parsedJson } from "../../../lib/json/parsed.ts";
import { fieldsOf, textOf } from "../fields.ts";

/** `\uE200kind\uE202argument…\uE201`: characters for private use around a mark, and between its arguments. */
const MARK = /\uE200([^\uE200\uE201]*)\uE201/g;
/** A mark without its end, as in an answer that was broken off. */
const UNCLOSED = /\uE200\w+(?:\uE202[^\uE200-\uE202\s]*)*/g;
const LEFT = /[\uE200-\uE20F]/g;
/** The older form: `【12†source】`, `【turn0search3†source】`. */
const OLDER = /【[\w:]{1,40}†[^【】\n]{0,200}】/g;
/** A mark whose characters for private use another tool has removed. */
const BARE = /(?:file)?cite(?:turn\d+[a-z]+\d+(?:L\d+-L?\d+)?)+/g;
const REFERENCE = /:contentReference\[oaicite:\d+\](?:\{index=\d+\})?/g;
/** A source before its link: `[oai_citation:1‡example.org](https://…)`. */
const CITED = /\[oai_citation\w*:\d+[‡†]/g;
/** The beginning and the end of a text that the page offers to copy. */
const WRITING = /^:::writing\{([^}\n]*)\}[^\S\n]*(?:\n|$)/gm;
const WRITTEN = /^:::[^\S\n]*(?:\n|$)/gm;

/** The text with names in place of their marks, and links or nothing in place of the others. */
export function withoutMarks(text: string, references: readonly unknown[]): string {
  const links = new Map(
    references.map(fieldsOf).map(({ matched_text, alt }) => [matched_text, textOf(alt) ?? ""]),
  );
  const plain = text
    .replace(MARK, (mark, inside: string) => links.get(mark) ?? nameIn(inside))
    .replace(OLDER, (mark) => links.get(mark) ?? "")
    .replace(UNCLOSED, "")
    .replace(LEFT, "")
    .replace(BARE, "")
    .replace(REFERENCE, "")
    .replace(CITED, "[");
  const opened = plain.replace(WRITING, (_, about: string) => subjectIn(about));
  return opened === plain ? plain : opened.replace(WRITTEN, "");
}

function subjectIn(about: string): string {
  const subject = /\bsubject="([^"]*)"/.exec(about)?.[1];
  return subject ? `**${subject}**\n\n` : "";
}

/** The words that a mark stands for. */
function nameIn(inside: string): string {
  const [kind, first = "", second = ""] = inside.split("\uE202");
  if (kind === "url") return second.startsWith("http") ? `[${first}](${second})` : first;
  if (kind !== "entity") return "";
  const parts = parsedJson(first);
  return (Array.isArray(parts) && textOf(parts[1], parts[0])) || "";
}
