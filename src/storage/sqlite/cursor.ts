// Cursors of paged lists: where the last page ended, as one opaque word.
import { z } from "zod";
import { AppError } from "../../kernel/errors.ts";

const Position = z.tuple([z.number(), z.string()]);
export type Position = z.infer<typeof Position>;

export const encodeCursor = (position: Position): string =>
  Buffer.from(JSON.stringify(position)).toString("base64url");

/** @throws AppError `invalid` for anything that `encodeCursor` did not make */
export function decodeCursor(cursor: string): Position {
  try {
    return Position.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
  } catch (error) {
    throw new AppError("invalid", "cursor: expected the next_cursor of an earlier answer.", {
      cause: error,
    });
  }
}
