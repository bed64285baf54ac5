// ChatGPT's marks of sources and names in an answer. Its page draws them as links; elsewhere they are unreadable.
import { fieldsOf, textOf } from "../fields.ts";

/** `\uE200kind\uE202argument…\uE201`: characters for private use around a mark, and between its arguments. */
const MARK = /\uE200([^\uE200\uE201]*)\uE201/g;
const LEFT = /[\uE200-\uE20F]/g;
/** The older form: `【12†source】`. */
const OLDER = /【\d+(?::\d+)?†[^】]*】/g;

/** The text with names in place of their marks, and links or nothing in place of the others. */
export function withoutMarks(text: string, references: readonly unknown[]): string {
  if (!/[\uE200-\uE20F【]/.test(text)) return text;
  const links = new Map(
    references.map(fieldsOf).map(({ matched_text, alt }) => [matched_text, textOf(alt) ?? ""]),
  );
  return text
    .replace(MARK, (mark, inside: string) => links.get(mark) ?? nameIn(inside))
    .replace(OLDER, (mark) => links.get(mark) ?? "")
    .replace(LEFT, "");
}

/** The words that a mark stands for. */
function nameIn(inside: string): string {
  const [kind, first = "", second = ""] = inside.split("\uE202");
  if (kind === "url") return second.startsWith("http") ? `[${first}](${second})` : first;
  if (kind !== "entity") return "";
  try {
    const parts: unknown = JSON.parse(first);
    return (Array.isArray(parts) && textOf(parts[1], parts[0])) || "";
  } catch {
    return "";
  }
}
