// Google's "My Activity" as a web page: a cell for each activity. Its parts become those of the same activity as JSON. The
// page is cut between its cells, because a parser would hold all of it.
import { AppError } from "../../lib/errors.ts";
import type { Bytes } from "./bytes.ts";
import { stampOf } from "./stamps.ts";

export interface Activity {
  /** Number within the file: 1, 2, 3 … */
  number: number;
  value: unknown;
  /** The reason why the value is missing. */
  fault?: string;
}

const CELL = '<div class="outer-cell';

/** The activities of a page; none for any other page. @throws AppError `limit` for a cell that is too large */
export async function* activitiesOf(bytes: Bytes, maxBytes: number): AsyncGenerator<Activity> {
  const decoder = new TextDecoder();
  let [text, number, isInCell] = ["", 0, false];
  for await (const chunk of bytes) {
    let from = Math.max(isInCell ? CELL.length : 0, text.length - CELL.length);
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf(CELL, from); end !== -1; end = text.indexOf(CELL, from)) {
      if (isInCell) yield { number: (number += 1), value: activityIn(text.slice(0, end)) };
      [text, isInCell, from] = [text.slice(end), true, CELL.length];
    }
    if (!isInCell) text = text.slice(-CELL.length);
    if (text.length > maxBytes)
      throw new AppError("limit", `An activity in the file is larger than ${maxBytes} bytes.`);
  }
  if (!isInCell) return;
  number += 1;
  yield text.includes("</html>")
    ? { number, value: activityIn(text) }
    : { number, value: undefined, fault: "is cut off: the file ends in it" };
}

const HEADER = /mdl-typography--title">([^<]*)</;
const BODY = /mdl-typography--body-1">/;
/** The part behind the body: a preview of pictures, or the products. */
const BEHIND = /<div class="content-cell[^"]*(?:mdl-typography--text-right|--caption)"/;

/** An activity in the form that it has in JSON. */
function activityIn(cell: string): object {
  const product = plainText(HEADER.exec(cell)?.[1] ?? "").trim();
  const begin = BODY.exec(cell);
  const body = begin === null ? "" : cell.slice(begin.index + begin[0].length);
  const parts = body.slice(0, BEHIND.exec(body)?.index).split(/<br ?\/?>/i);
  // The time stands between the question and the answer.
  const at = parts.findIndex((part) => stampOf(plainText(part)) !== null);
  const before = at === -1 ? parts : parts.slice(0, at);
  const after = at === -1 ? "" : parts.slice(at + 1).join("<br>");
  const files = before.findIndex((part) => /^\s*-\s+<a\b/.test(part));
  // A line that counts the files is before them.
  const [label = "", ...lines] = files === -1 ? before : before.slice(0, Math.max(1, files - 1));
  const first = plainText(label).trim();
  const asked = QUESTION.exec(first);
  const more = lines.map((line) => plainText(line).trimEnd());
  const title =
    asked !== null
      ? `Prompted ${[asked[1], ...more].join("\n")}`
      : first.replace(NAMED, more.length > 0 ? "Created Gemini Canvas titled $1" : "$&");
  const html = [...(asked === null ? lines : []), after].join("<br>").replace(/^(?:<br>|\s)+$/, "");
  return {
    ...{ header: product, title, products: [product] },
    time: at === -1 ? null : new Date(stampOf(plainText(parts[at]!))!).toISOString(),
    safeHtmlItem: html === "" ? [] : [{ html }],
    attachedFiles: before
      .filter((part) => /^\s*-\s+<a\b/.test(part))
      .map((part) =>
        plainText(part)
          .replace(/^\s*-\s+/, "")
          .trim(),
      ),
  };
}

/** A question in any language: a colon and a space that does not break are before it. */
const QUESTION = /^(?:[^:\n]{1,80}:\u00a0|Prompted\s+)(.*)$/s;
/** A name of what the program made: there is no colon before it. */
const NAMED = /^[^\u00a0:]{1,80}\u00a0(.*)$/s;

const NAMES: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", emsp: "\u2003" },
};

/** The text of HTML, without tags. */
export const plainText = (html: string): string =>
  html
    .replace(/<[^<>]*>/g, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w{2,5}));/gi, (whole, decimal, hex, name) => {
      if (name !== undefined) return NAMES[name as string] ?? whole;
      const point = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    });
