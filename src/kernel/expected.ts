// How a value is refused that somebody wrote: with its name, what is accepted, and what it was.
import { AppError } from "./errors.ts";

/** `port: expected a whole number, got "x"`; without `value`, `got nothing`. `from`: where it was written. */
export function expectedText(
  name: string,
  accepted: string,
  { value, secret = false, from }: { value?: string; secret?: boolean; from?: string } = {},
): string {
  const got = value === undefined ? "nothing" : secret ? "(hidden)" : quoted(value);
  return `${name}: expected ${accepted}, got ${got}${from === undefined ? "" : ` (from ${from})`}`;
}

/** Of a flag or an argument of one command. */
export const expectedError = (name: string, accepted: string, value: string): AppError =>
  new AppError("start", expectedText(name, accepted, { value }));

/** `full or normal` */
export const eitherOf = (words: readonly string[]): string =>
  new Intl.ListFormat("en", { type: "disjunction" }).format(words);

const LONGEST = 200;

const quoted = (value: string): string =>
  JSON.stringify(value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value);
