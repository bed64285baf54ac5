// Refuses a value that a user wrote: with its name, the accepted values, and the value itself.
import { AppError } from "../errors.ts";

/** `port: expected a whole number, got "x"`; without `value`, `got nothing`. `from`: source of the value. */
export function expectedText(
  name: string,
  accepted: string,
  { value, secret = false, from }: { value?: string; secret?: boolean; from?: string } = {},
): string {
  const got = value === undefined ? "nothing" : secret ? "(hidden)" : quoted(value);
  return `${name}: expected ${accepted}, got ${got}${from === undefined ? "" : ` (from ${from})`}`;
}

/** Error for a flag or an argument of one command. */
export const expectedError = (name: string, accepted: string, value: string): AppError =>
  new AppError("start", expectedText(name, accepted, { value }));

/** `full or normal`; written by hand, because Intl.ListFormat takes 30 ms of each start. */
export function eitherOf(words: readonly string[]): string {
  if (words.length < 3) return words.join(" or ");
  return `${words.slice(0, -1).join(", ")}, or ${words.at(-1)}`;
}

const LONGEST = 200;

const quoted = (value: string): string =>
  JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
