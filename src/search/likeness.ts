import { stem } from "./languages/stem.ts";
// How well a word of a text answers a word of a query: the same word best, then a form of it, the beginning of it, a part of a
// compound, and last a word that is one typing mistake away.
import { formsByBeginning, stemsOf } from "./languages/stems.ts";
import { camelParts, type Term } from "./terms.ts";
import { fold, foldFurther } from "./words.ts";

const SAME = 1;
const SAME_STEM = 0.95;
const SAME_LETTERS = 0.95;
const IN_IDENTIFIER = 0.9;
const OTHER_FORM = 0.85;
const BEGUN = 0.8;
const ALIKE = 0.65;
const FIRST_PART = 0.6;
const PART = 0.55;
const MISTYPED = 0.5;
/** A word that begins like the one that is being typed, and is shorter by now. */
const OUTGROWN = 0.4;
const MISTYPED_FORM = 0.25;

/** Shortest word that may be a part of a compound, and shortest compound. */
export const MIN_PART = 4;
export const MIN_COMPOUND = 8;
/** Shortest word that may be mistyped. */
export const MIN_MISTYPED = 4;
/** Shortest beginning in which a mistake tells the word. */
const MIN_BEGINNING = 5;

/** Compares one term of a query with many words. */
export class Likeness {
  readonly #term: Term & { word: string };
  readonly #further: string;
  readonly #stems: ReadonlySet<string>;
  readonly #hasForms: boolean;
  readonly #byBeginning: boolean;
  readonly #beginning: string;

  constructor(term: Term & { word: string }) {
    this.#term = term;
    this.#further = foldFurther(term.word);
    this.#stems = new Set(stems(term.word, term.written ?? term.word, term));
    this.#hasForms = hasForms(term.word);
    this.#byBeginning = formsByBeginning(term.word, term.languages);
    this.#beginning = foldFurther(sharedBeginning(term) ?? "");
  }

  /** From 0 to 1. `word` is folded, `raw` as it stands in the text. With `mistyped`, one mistake is allowed. */
  of(word: string, raw: string, mistyped = false): number {
    const { word: wanted, key, open, common } = this.#term;
    if (word === wanted) return SAME;
    const further = foldFurther(word);
    if (further === this.#further) return SAME_LETTERS;
    if (common) return 0; // its forms are other common words
    const first = further.charCodeAt(0) === this.#further.charCodeAt(0);
    if (first && stem(word) === key) return SAME_STEM;
    const parts = camelParts(raw);
    if (parts.some((part) => this.#isPart(part.toLowerCase()))) return IN_IDENTIFIER;
    if (first) {
      if (open && wanted.length > 1 && further.startsWith(this.#further)) return BEGUN;
      if (!this.#hasForms) return 0;
      const form = this.#form(word, raw, further);
      if (form > 0) return form;
      if (this.#byBeginning && beginAlike(this.#further, further))
        return open && this.#further.startsWith(further) ? OUTGROWN : ALIKE;
      if (wanted.length >= MIN_PART && further.startsWith(this.#further)) return FIRST_PART;
    }
    if (wanted.length >= MIN_PART && word.length >= MIN_COMPOUND && further.includes(this.#further))
      return PART;
    return mistyped ? this.#mistake(further) : 0;
  }

  /** A mistake in the word, or in what its forms share. */
  #mistake(word: string): number {
    if (isOneMistake(this.#further, word)) return MISTYPED;
    const begun = this.#beginning;
    if (begun.length < MIN_BEGINNING || Math.abs(word.length - this.#further.length) > 3) return 0;
    const lengths = [begun.length, begun.length - 1, begun.length + 1];
    return lengths.some((length) => isOneMistake(begun, word.slice(0, length))) ? MISTYPED_FORM : 0;
  }

  #isPart(part: string): boolean {
    return part === this.#term.word || stem(part) === this.#term.key;
  }

  #form(word: string, raw: string, further: string): number {
    // Forms of a word share its beginning; two letters save most of the work.
    if (further.slice(0, 2) !== this.#further.slice(0, 2)) return 0;
    return stems(word, raw, this.#term).some((one) => this.#stems.has(one)) ? OTHER_FORM : 0;
  }
}

/** Words with digits are codes, and another code is another thing. */
const hasForms = (word: string): boolean => !/\p{N}/u.test(word);

const stems = (word: string, raw: string, { languages }: Term): readonly string[] => {
  const written = raw.normalize("NFC").toLowerCase();
  const found = stemsOf(written, languages);
  return written === word ? found : [...found, ...stemsOf(word, languages)];
};

/** True for two words that differ in a short ending only. */
function beginAlike(a: string, b: string): boolean {
  let common = 0;
  while (common < a.length && a[common] === b[common]) common += 1;
  const ending = Math.max(a.length, b.length) - common;
  return common >= 4 && ending <= (common >= 7 ? 4 : 3) && common >= 0.6 * (common + ending);
}

/** True for two words that differ in one letter: another, one more, one less, or two exchanged. */
export function isOneMistake(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || Math.min(a.length, b.length) < MIN_MISTYPED - 1)
    return false;
  let from = 0;
  while (from < a.length && a[from] === b[from]) from += 1;
  const [restA, restB] = [a.slice(from), b.slice(from)];
  return (
    restA.slice(1) === restB.slice(1) ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB ||
    (restA.length > 1 &&
      restA[0] === restB[1] &&
      restA[1] === restB[0] &&
      restA.slice(2) === restB.slice(2))
  );
}

/** The beginning that the forms of a word share, for a lookup in the index; undefined for a word without forms. */
export function sharedBeginning(term: Term & { word: string }): string | undefined {
  const { word, written = word, languages } = term;
  const least = word.length >= 6 ? 4 : 3;
  if (word.length < least || !hasForms(word)) return undefined;
  let beginning = word;
  for (const one of stems(word, written, term)) {
    const shared = sharedPart(word, fold(one.slice(one.indexOf(" ") + 1)));
    if (shared.length >= least && shared.length < beginning.length) beginning = shared;
  }
  if (formsByBeginning(word, languages) && word.length > 4)
    beginning = beginning.slice(0, Math.max(4, word.length - 3));
  return beginning.length < MIN_PART && beginning === word ? undefined : beginning;
}

function sharedPart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

/** Beginnings of words that are one typing mistake away from what the forms of the term share. */
export function beginningsOneMistakeFrom(term: Term & { word: string }): string[] {
  const beginning = sharedBeginning(term) ?? "";
  const isShorter = beginning.length < term.word.length;
  return isShorter && beginning.length >= MIN_BEGINNING ? oneMistakeFrom(beginning) : [];
}

const ALPHABETS: readonly (readonly [RegExp, string])[] = [
  [/^[a-z]+$/, "abcdefghijklmnopqrstuvwxyz"],
  [/^\p{sc=Cyrillic}+$/u, "абвгдежзийклмнопрстуфхцчшщъыьэюя"],
  [/^\p{sc=Arabic}+$/u, "ابتثجحخدذرزسشصضطظعغفقكلمنهوية"],
  [/^\p{sc=Greek}+$/u, "αβγδεζηθικλμνξοπρστυφχψω"],
];
const MAX_MISTYPED = 32;

/** All words that are one typing mistake away from a folded word; none for words without an alphabet. */
export function oneMistakeFrom(word: string): string[] {
  const alphabet = ALPHABETS.find(([script]) => script.test(word))?.[1];
  if (alphabet === undefined || word.length < MIN_MISTYPED || word.length > MAX_MISTYPED) return [];
  const found = new Set<string>();
  for (let at = 0; at <= word.length; at++) {
    const [before, after] = [word.slice(0, at), word.slice(at)];
    if (after !== "") found.add(before + after.slice(1));
    if (after.length > 1) found.add(before + after[1] + after[0] + after.slice(2));
    for (const letter of alphabet) {
      found.add(before + letter + after);
      if (after !== "") found.add(before + letter + after.slice(1));
    }
  }
  found.delete(word);
  return [...found];
}
