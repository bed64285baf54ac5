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
