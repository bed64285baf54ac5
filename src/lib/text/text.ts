// What text may be stored: UTF-8 without NUL, within a size. SQLite would cut or alter anything else.
import { AppError } from "../errors.ts";

/** Size in bytes as stored (UTF-8). */
export const byteLength = (text: string): number => Buffer.byteLength(text, "utf8");

/** Why a text cannot be stored as it is, as the end of a sentence; undefined when it can. */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "contains a NUL character.";
  return text.isWellFormed() ? undefined : "is not valid Unicode (it has a lone surrogate).";
}

/**
 * Checks `text` for storage; `what` names it in the error. `setting`: where `maxBytes` comes from, if from a setting.
 * @throws AppError `invalid`; `limit` for a text that is over a setting's bound
 */
export function checkText(what: string, text: string, maxBytes: number, setting?: string): void {
  const odd = textFault(text);
  if (odd !== undefined) throw new AppError("invalid", `${what} ${odd}`);
  const bytes = byteLength(text);
  if (bytes <= maxBytes) return;
  const fault = `${what} is ${bytes} bytes long; at most ${maxBytes} are stored`;
  // A bound that nobody can raise makes it wrong input: to wait and try again, as for a limit, would never help.
  throw setting === undefined
    ? new AppError("invalid", `${fault}.`)
    : new AppError("limit", `${fault} (the setting ${setting}).`);
}

/**
 * As it can be stored: NUL and lone surrogates are replaced by U+FFFD, as a reader would see them. `onReplaced` is told
 * how many.
 */
export function storable(text: string, onReplaced?: (count: number) => void): string {
  if (textFault(text) === undefined) return text;
  const replaced = Array.from(text).filter(isUnstorable).length;
  onReplaced?.(replaced);
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

const isUnstorable = (character: string): boolean =>
  character === "\0" || !character.isWellFormed();

/** The beginning of a text that is too large, of whole characters; `mark` stands at the end of what is cut, and counts. */
export function shortened(text: string, maxBytes: number, mark = ""): string {
  // No character takes less than a byte, and no more than one unit more than bytes are looked at.
  if (text.length <= maxBytes && byteLength(text) <= maxBytes) return text.toWellFormed();
  const room = new Uint8Array(Math.max(0, maxBytes - byteLength(mark)));
  return text.slice(0, encoder.encodeInto(text, room).read).toWellFormed() + mark;
}

const encoder = new TextEncoder();

/** What somebody else calls something, so that it can be stored and shown. */
export const cleanName = (name: string, maxBytes: number): string =>
  shortened(name.toWellFormed().replace(/\p{Cc}+/gu, " "), maxBytes);
