// Prepares foreign text for a terminal: without control characters that steer it, in lines of a given width.
import { stripVTControlCharacters } from "node:util";
import cliTruncate from "cli-truncate";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/** Replace control characters other than line breaks and tabs by visible stand-ins. */
export const harmless = (text: string): string =>
  stripVTControlCharacters(text.replaceAll("\r\n", "\n")).replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    "\uFFFD",
  );

/** Join the text into one line. */
export const oneLine = (text: string): string => harmless(text).replace(/\s+/g, " ").trim();

/** Columns that the text takes on a terminal. */
export const widthOf = (text: string): number => stringWidth(text);

export const shortened = (text: string, width: number): string => cliTruncate(text, width);

/** Break lines at spaces so that none is wider, and break words that are wider themselves. */
export const wrap = (text: string, width: number): string[] =>
  wrapAnsi(text, width, { hard: true, trim: false })
    .split("\n")
    .map((line) => line.trimEnd());

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const INDENTED = /^(?: {2,}|\t)/;

/** Wrap like `wrap`, but leave code unchanged: fenced blocks, and indented lines. */
export function wrapProse(text: string, width: number): string[] {
  let fence: string | undefined;
  return text.split("\n").flatMap((line) => {
    const mark = FENCE.exec(line)?.[1];
    const inCode = fence !== undefined || mark !== undefined;
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence) && line.trim() === mark) fence = undefined;
    return inCode || INDENTED.test(line) ? [line] : wrap(line, width);
  });
}
