// Rules of key/value state that hold on every engine.
import { AppError } from "../../lib/errors.ts";

/** The least text after all texts with this prefix, in the order of code points; null if there is none. */
export function endOf(prefix: string): string | null {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  const last = points.findLastIndex((point) => point < 0x10ffff);
  if (last < 0) return null;
  const next = points[last]! + 1;
  const valid = next === 0xd800 ? 0xe000 : next; // surrogates are no characters
  return String.fromCodePoint(...points.slice(0, last), valid);
}

/** `found`: the key's version; absent without the key. @throws AppError `conflict` */
export function checkVersion(key: string, wanted: number | undefined, found = 0): void {
  if (wanted === undefined || wanted === found) return;
  const there = found === 0 ? "is absent" : `is at version ${found}`;
  throw new AppError(
    "conflict",
    `Key ${JSON.stringify(key)} ${there}, not at version ${wanted}: nothing was changed.`,
    {
      hint: "Read it with state_get and try again with its version.",
    },
  );
}

export const tooManyKeys = (maxKeys: number): AppError =>
  new AppError("limit", `This session already has ${maxKeys} state keys, the most it can have.`, {
    hint: "Delete some with state_delete.",
  });
