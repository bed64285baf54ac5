// Cursors of paged lists: the end of the last page, as one opaque word that only the same kind of list accepts.
import type { z } from "zod";
import { AppError } from "./errors.ts";

/** Encode a position; `list` names the kind of list. */
export const encodeCursor = (list: string, position: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify([list, ...position])).toString("base64url");

/** @throws AppError `invalid` for anything that `encodeCursor` did not make for this kind of list */
export function decodeCursor<Position extends readonly (string | number)[]>(
  list: string,
  position: z.ZodType<Position>,
  cursor: string,
): Position {
  try {
    const bytes = Buffer.from(cursor, "base64url");
    const [from, ...rest] = JSON.parse(bytes.toString()) as [string, ...unknown[]];
    const decoded = position.parse(rest);
    // Compare with the canonical form: Buffer skips characters outside base64url, and JSON allows white space.
    if (from === list && encodeCursor(list, decoded) === cursor) return decoded;
  } catch {
    // Fall through to one error for all faults: details would not help the caller.
  }
  throw wrongCursor();
}

export const wrongCursor = (): AppError =>
  new AppError("invalid", "cursor: expected one that an earlier answer of this list gave.");
