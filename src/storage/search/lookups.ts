// The lookups of terms in the index.
import { otherSpellings as otherCharacters } from "../../search/languages/chinese.ts";
import {
  beginningsOneMistakeFrom,
  oneMistakeFrom,
  sharedBeginning,
} from "../../search/likeness.ts";
import type { Term } from "../../search/terms.ts";
import { foldFurther, pairs, runs } from "../../search/words.ts";
import type { Atom, Lookup } from "./rows.ts";

const FORM = 0.8;
const MISTYPED = 0.5;
const MISTYPED_FORM = 0.4;

/** A lookup, and how well the messages that it finds match the term at most. */
export interface Step {
  lookup: Lookup;
  quality: number;
}

/** The term itself. */
export const exactly = ({ phrase, characters, digits }: Term): Lookup => {
  if (characters !== undefined) return spelt(characters);
  if (digits === undefined) return [{ words: phrase }];
  return phrase.length > 1 ? [{ words: phrase }, { words: [digits] }] : [{ words: phrase }];
};

/** Characters of a script without spaces, as they stand and in other spellings. */
const spelt = (characters: readonly string[]): Lookup =>
  [characters, ...otherCharacters(characters)].map((one) => ({
    pairs: one.length === 1 ? one : pairs(one),
  }));

/** Other forms of the word, and words that begin with it. */
export function otherForms(term: Term): Step | undefined {
  const { word, common } = term;
  if (word === undefined || common) return undefined;
  const beginning = sharedBeginning({ ...term, word });
  const atoms: Atom[] = [];
  if (beginning !== undefined) atoms.push({ prefix: beginning });
  if (term.open && word.length > 1 && beginning !== word) atoms.push({ prefix: word });
  for (const written of [foldFurther(word), ...otherSpellings(word)])
    if (written !== word) atoms.push({ words: [written] });
  return atoms.length === 0 ? undefined : { lookup: atoms, quality: FORM };
}

/** Words that one typing mistake would make the term; then words of which it would make the beginning. */
export function mistakesOf(term: Term): Step[] {
  const { word, common, written = word } = term;
  if (word === undefined || common) return [];
  const words = new Set([word, written!].flatMap(oneMistakeFrom));
  const beginnings = beginningsOneMistakeFrom({ ...term, word });
  return [
    { lookup: [...words].map((one) => ({ words: [one] })), quality: MISTYPED },
    { lookup: beginnings.map((prefix) => ({ prefix })), quality: MISTYPED_FORM },
  ].filter(({ lookup }) => lookup.length > 0);
}

/** German ß, and words typed without it. */
function otherSpellings(word: string): string[] {
  if (word.includes("ß")) return [word.replaceAll("ß", "ss")];
  const parts = word.split("ss");
  if (parts.length < 2 || parts.length > 3) return [];
  const joined = (marks: number): string =>
    parts.reduce((all, part, i) => all + ((marks >> (i - 1)) & 1 ? "ß" : "ss") + part);
  return Array.from({ length: 2 ** (parts.length - 1) - 1 }, (_, i) => joined(i + 1));
}

/** The lookups of a phrase, all of which a message with the phrase matches. */
export function ofPhrase(phrase: string): Lookup[] {
  const lookups: Lookup[] = [];
  let words: string[] = [];
  const end = (): void => {
    if (words.length > 0) lookups.push([{ words }]);
    words = [];
  };
  for (const run of runs(phrase)) {
    const letters = run.map(({ text }) => text);
    if (!run[0]!.unspaced) {
      words.push(letters[0]!);
      continue;
    }
    end();
    lookups.push(spelt(letters));
  }
  end();
  return lookups;
}
