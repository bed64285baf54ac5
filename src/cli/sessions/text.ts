// Text of others on a terminal: without what would steer the terminal, and in lines of a given width.
import { stripVTControlCharacters } from "node:util";

/** Keeps line breaks and tabs; any other control character becomes a visible stand-in. */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text.replaceAll("\r\n", "\n")).replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    "\uFFFD",
  );

/** In one line. */
export const oneLine = (text: string): string => harmless(text).replace(/\s+/g, " ").trim();

export function shortened(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const [first = ""] = pieces(text, width - 1);
  return `${first}…`;
}

/** Breaks lines at spaces so that none is wider, and words that are wider themselves; indented lines stay indented. */
export function wrap(text: string, width: number): string[] {
  return text
    .split("\n")
    .flatMap((line) => (widthOf(line) <= width ? [line] : broken(line, width)));
}

function broken(line: string, width: number): string[] {
  const indent = /^[ \t]*/.exec(line)![0].slice(0, width >> 1);
  const lines: string[] = [];
  let current = indent;
  for (const word of line.trim().split(/ +/)) {
    const gap = current === indent ? "" : " ";
    if (widthOf(current + gap + word) <= width) {
      current += gap + word;
      continue;
    }
    if (current !== indent) lines.push(current);
    const parts = pieces(word, width - widthOf(indent)).map((part) => indent + part);
    lines.push(...parts.slice(0, -1));
    current = parts.at(-1)!;
  }
  return [...lines, current];
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

function pieces(text: string, width: number): string[] {
  const found = [""];
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const more = widthOf(segment);
    if (used + more > width && used > 0) {
      found.push("");
      used = 0;
    }
    found[found.length - 1] += segment;
    used += more;
  }
  return found;
}

const PLAIN = /^[\x20-\x7e]*$/;
/** What terminals draw two columns wide: most of East Asia, and pictures. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

/** How many columns a terminal needs for the text. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}
