// Checks text for storage: UTF-8 without NUL, within a size. SQLite would cut or alter other text.
import { AppError } from "../errors.ts";

/** Size in bytes as stored (UTF-8). */
export const byteLength = (text: string): number => Buffer.byteLength(text, "utf8");

/** Reason why a text cannot be stored, as the end of a sentence; undefined if it can. */
export function textFault(text: string): string | undefined {
  if (text.includes("\0")) return "contains a NUL character.";
  return text.isWellFormed() ? undefined : "is not valid Unicode (it has a lone surrogate).";
}

/** Check the type of an argument that JavaScript code may have got wrong. @throws AppError `invalid` */
export function checkIsText(what: string, text: unknown): void {
  if (typeof text !== "string") throw new AppError("invalid", `${what}: expected text.`);
}

/**
 * Check `text` for storage; `what` names it in the error. `setting`: the setting that `maxBytes` comes from, if any.
 * @throws AppError `invalid`; `limit` for a text over a setting's bound
 */
export function checkText(what: string, text: string, maxBytes: number, setting?: string): void {
  checkIsText(what, text);
  const odd = textFault(text);
  if (odd !== undefined) throw new AppError("invalid", `${what} ${odd}`);
  const bytes = byteLength(text);
  if (bytes <= maxBytes) return;
  const fault = `${what} is ${bytes} bytes long; at most ${maxBytes} are stored`;
  // Call a fixed bound `invalid`: `limit` would invite the caller to wait and try again, which cannot help.
  throw setting === undefined
    ? new AppError("invalid", `${fault}.`)
    : new AppError("limit", `${fault} (the setting ${setting}).`);
}

/** Replace NUL and lone surrogates by U+FFFD, which a reader would see anyway. `onReplaced` receives their number. */
export function storable(text: string, onReplaced?: (count: number) => void): string {
  if (textFault(text) === undefined) return text;
  const replaced = Array.from(text).filter(isUnstorable).length;
  onReplaced?.(replaced);
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}

const isUnstorable = (character: string): boolean =>
  character === "\0" || !character.isWellFormed();

/** The beginning of a text that is too large, in whole characters. `mark` ends a shortened text, and counts. */
export function shortened(text: string, maxBytes: number, mark = ""): string {
  // A UTF-16 unit takes at least one byte, so a text with more units than `maxBytes` is too large.
  if (text.length <= maxBytes && byteLength(text) <= maxBytes) return text.toWellFormed();
  const room = new Uint8Array(Math.max(0, maxBytes - byteLength(mark)));
  return text.slice(0, encoder.encodeInto(text, room).read).toWellFormed() + mark;
}

const encoder = new TextEncoder();

/** Make a foreign name storable and showable. */
export const cleanName = (name: string, maxBytes: number): string =>
  shortened(name.toWellFormed().replace(/\p{Cc}+/gu, " "), maxBytes);
