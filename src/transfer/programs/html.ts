// HTML as Markdown. What the library would take minutes for, or no stack is deep enough for, comes in as its plain text: it
// would hold the process.
import type Turndown from "turndown";
import { plainText } from "../input/activity.ts";

/** Characters and elements that are read as HTML: thousands of lines of text and of cells of tables. */
const MAX_LENGTH = 256_000;
const MAX_ELEMENTS = 5_000;

export async function htmlReader(): Promise<(html: string) => string> {
  const { default: Reader } = await import("turndown");
  const reader = new Reader({
    headingStyle: "atx",
    codeBlockStyle: "fenced",
    bulletListMarker: "-",
    blankReplacement: (_, node) => (CELL.has(node.nodeName) ? " |" : isBlock(node) ? "\n\n" : ""),
  });
  tablesIn(reader);
  return (html) => {
    try {
      if (isLight(html)) return reader.turndown(html).trim();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // elements in each other, too deep for the stack
    }
    return plainText(html.replace(/<br\b[^<>]*>|<\/(?:p|div|li|tr|pre|h[1-6])>/gi, "\n")).trim();
  };
}

function isLight(html: string): boolean {
  if (html.length > MAX_LENGTH) return false;
  let elements = 0;
  for (const _ of html.matchAll(/<[a-z]/gi)) elements += 1;
  return elements <= MAX_ELEMENTS;
}

const CELL: ReadonlySet<string> = new Set(["TH", "TD"]);

const isBlock = (node: object): boolean => "isBlock" in node && node.isBlock === true;

/** Tables of Markdown; a cell is a line. */
function tablesIn(reader: Turndown): void {
  reader.addRule("cell", {
    filter: ["th", "td"],
    replacement(text) {
      const lines = text.split("\n").map((line) => line.trim());
      return ` ${lines.filter(Boolean).join(" ").replaceAll("|", "\\|")} |`;
    },
  });
  reader.addRule("row", { filter: "tr", replacement: (cells) => `|${cells.trimEnd()}\n` });
  reader.addRule("rows", { filter: ["thead", "tbody", "tfoot"], replacement: (rows) => rows });
  reader.addRule("table", {
    filter: "table",
    replacement(rows) {
      const [first = "", ...others] = rows.trim().split(/\n+/);
      const columns = first.match(/(?<!\\)\|/g)?.length ?? 1;
      return `\n\n${[first, `|${" --- |".repeat(columns - 1)}`, ...others].join("\n")}\n\n`;
    },
  });
}
