// What text may be stored: UTF-8 without NUL, within a size. SQLite would cut or alter anything else.
import { AppError } from "./errors.ts";

/** Size in bytes as stored (UTF-8). */
export const byteLength = (text: string): number => Buffer.byteLength(text, "utf8");

/**
 * Checks `text` for storage; `what` names it in the error.
 * @throws AppError `invalid` for NUL or a lone surrogate, `limit` when it is over `maxBytes`.
 */
export function checkText(what: string, text: string, maxBytes: number): void {
  if (text.includes("\0")) throw new AppError("invalid", `${what} contains a NUL character.`);
  if (!text.isWellFormed()) {
    throw new AppError("invalid", `${what} is not valid Unicode (it has a lone surrogate).`);
  }
  const bytes = byteLength(text);
  if (bytes > maxBytes) {
    throw new AppError("limit", `${what} is ${bytes} bytes long; at most ${maxBytes} are stored.`);
  }
}

/** The beginning of a text that is too large, of whole characters. */
export function shortened(text: string, maxBytes: number): string {
  let short = text.slice(0, maxBytes);
  while (byteLength(short) > maxBytes) short = short.slice(0, -1);
  return short.isWellFormed() ? short : short.slice(0, -1);
}

/** What somebody else calls something, so that it can be stored and shown. */
export const cleanName = (name: string, maxBytes: number): string =>
  shortened(name.toWellFormed().replace(/\p{Cc}+/gu, " "), maxBytes);
