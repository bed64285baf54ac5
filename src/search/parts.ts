// The second index's content for a text: what is found inside of words and beside them. Parts of compounds and identifiers, words
// as people type them (ss for ß, without the Arabic article), numbers without their separators, emoji. The words themselves
// are in the first index (words.ts).
import { MIN_COMPOUND, MIN_PART } from "./likeness.ts";
import { numbers, signs } from "./signs.ts";
import { camelParts, MIN_DIGITS, type Term } from "./terms.ts";
import { fold, foldFurther, runs } from "./words.ts";

/** Limits per text; what is behind one is only found by its words. */
const MAX_TOKENS = 4_000;
const MAX_NUMBERS = 2_000;
const MAX_CHARACTERS = 200_000;
const MAX_WORD = 60;

const GRAM = 3;
/** Digits beside letters, as in 1920x1080; longer words are keys and checksums. */
const MIXED = /\d{3}\D|\D\d{3}/;
const MAX_MIXED = 24;

/** Three letters each, from anywhere but the beginning: beginnings are found in the first index. */
const grams = (word: string): string[] => {
  const letters = Array.from(word);
  return letters.slice(0, 1 - GRAM).map((_, at) => letters.slice(at, at + GRAM).join(""));
};

const whole = (word: string): string => `=${word}`;
const number = (digits: string): string => `#${digits}`;
/** An emoji by its code points: an index takes its characters apart. */
const signToken = (sign: string): string =>
  /^[ -~]+$/.test(sign)
    ? `:${sign}`
    : `:${Array.from(sign, (character) => character.codePointAt(0)!.toString(16)).join("-")}`;

/** The tokens of a text, each once. A token holds no space; a gram has letters and digits only, the others begin with a sign. */
export function partsOf(content: string): Set<string> {
  const text = content.slice(0, MAX_CHARACTERS);
  const tokens = new Set<string>();
  for (const { sign } of signs(text)) tokens.add(signToken(sign));
  for (const { digits, start, end, isWhole } of numbers(text)) {
    if (tokens.size >= MAX_NUMBERS) break;
    if (!isWhole || digits.length < MIN_DIGITS || digits.length > MAX_WORD) continue;
    if (text.slice(start, end) !== digits) tokens.add(number(digits));
  }
  for (const run of runs(text)) {
    if (tokens.size >= MAX_TOKENS) break;
    const { text: word, start, end, unspaced } = run[0]!;
    if (unspaced || word.length > MAX_WORD) continue;
    const further = foldFurther(word);
    if (further !== word) tokens.add(whole(further));
    if (word.length < GRAM) continue;
    if (word.length <= MAX_MIXED && MIXED.test(word))
      for (const [digits] of word.matchAll(/\d{3,}/g)) tokens.add(number(digits));
    for (const part of camelParts(text.slice(start, end))) tokens.add(whole(fold(part)));
    if (word.length >= MIN_COMPOUND) for (const gram of grams(further)) tokens.add(gram);
  }
  return tokens;
}

/** Sets of tokens; a text with all tokens of one set may have the term. */
export type PartsLookup = readonly (readonly string[])[];

/** The term as a part of an identifier, a number or a sign, or in another spelling. */
export function nearly({ word, digits, sign }: Term): PartsLookup {
  if (sign !== undefined) return [[signToken(sign)]];
  if (digits !== undefined) return digits.length > MAX_WORD ? [] : [[number(digits)]];
  if (word === undefined || word.length < 2 || word.length > MAX_WORD) return [];
  return [[whole(foldFurther(word))]];
}

/** The term as a part of a longer word. */
export function inside({ word, common }: Term): PartsLookup {
  if (word === undefined || common || word.length < MIN_PART || word.length > MAX_WORD) return [];
  const all = grams(foldFurther(word));
  return all.length === 0 ? [] : [all];
}
