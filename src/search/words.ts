// The one place that cuts text into words, for the index, for queries and for highlighting. Words are folded: without
// case, accents and forms of writing. Scripts that put no spaces between words are cut into single characters. Not
// here: word forms (languages/stem.ts).
import { digitsOf } from "./signs.ts";

export interface Word {
  /** The word, folded. */
  text: string;
  /** Offset of the word's first code unit in the text; `end` is behind its last. */
  start: number;
  end: number;
  /** True for one character of a script without spaces. */
  unspaced: boolean;
}

const SCRIPTS = ["Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"]
  .concat(["Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Yi"])
  .map((script) => String.raw`\p{scx=${script}}`);
const UNSPACED = String.raw`[[${SCRIPTS.join("")}]&&[\p{L}\p{N}]]`;
/** A decomposed Hangul syllable, as in file names of macOS. */
const JAMO = String.raw`[\u1100-\u115F][\u1160-\u11A7]+[\u11A8-\u11FF]*`;
/** A character with its marks, including those of half-width Katakana. */
const CHARACTER = String.raw`${JAMO}|${UNSPACED}[\p{M}\uFF9E\uFF9F]*`;
const WORD = String.raw`[[\p{L}\p{M}\p{N}\p{Co}]--${UNSPACED}]+`;
const PATTERN = new RegExp(`(${CHARACTER})|${WORD}`, "gv");

/**
 * Accents, vowel points and variation selectors. Marks of Kana and of Indic vowels make other letters, so they stay.
 */
const ACCENTS = /[[[\p{sc=Inherited}\p{sc=Arabic}\p{sc=Hebrew}]&&\p{M}]--[\u3099\u309A]]+/gv;
const SIGNS = /[^\p{L}\p{M}\p{N}\p{Co}]+/gu;
const ASCII = /^[\x00-\x7F]*$/;
/** Text that needs no folding except for case: most words, and most characters of Chinese, Japanese and Korean. */
const PLAIN = /^(?:[0-9A-Za-z]*|[\u3041-\u3096\u30A1-\u30FA\u3400-\u9FFF\uAC00-\uD7A3])$/;

/**
 * Limits per text: different words, and all words of a text that is cut here. Text behind a limit is not found.
 * Without limits, storing one huge text would hold up all other calls. A novel has half as many words.
 */
const MAX_DIFFERENT = 16_000;
const MAX_WORDS = 210_000;
/** Characters of a text with too few words to count. */
const SHORT = 16_000;

/** The index's content for a text, and its number of different words; 0 for few. */
export interface Indexed {
  words: string;
  different: number;
}

/** Maximum length of a word that is compared; a longer one is a character with endless marks. */
const MAX_WORD = 1_000;

/** The words of a text, in order. Signs, emoji and lone surrogates are no words. */
export function* cut(text: string): Generator<Word> {
  const known = new Map<string, string>();
  for (const match of text.matchAll(PATTERN)) {
    const folded = foldOnce(match[0], known);
    if (folded === "") continue;
    const start = match.index;
    const unspaced = match[1] !== undefined;
    yield { text: folded, start, end: start + match[0].length, unspaced };
  }
}

/** Folds a word; remembers the result, because folding is slow and most words come again. */
function foldOnce(word: string, known: Map<string, string>): string {
  if (PLAIN.test(word)) return word.toLowerCase();
  let folded = known.get(word);
  if (folded === undefined) known.set(word, (folded = fold(word)));
  return folded;
}

/** A word without case, accents and forms of writing. */
export function fold(word: string): string {
  const letters = word.slice(0, MAX_WORD).normalize("NFKD").toLowerCase().replace(ACCENTS, "");
  return letters.normalize("NFC").replace(SIGNS, "");
}

const OTHER_LETTERS: Readonly<Record<string, string>> = {
  ...{ ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", ł: "l", ı: "i", þ: "th" },
  ...{ ة: "ه", ى: "ي" },
};
const HAS_OTHER = new RegExp(`[${Object.keys(OTHER_LETTERS).join("")}]`, "g");
const OTHER_DIGITS = /[\p{Nd}--[0-9]]+/gv;
const ARTICLE = /^(?:(?:[وفبك]?ال|لل)(?=\p{L}{3})|[ושמכ]?ה(?=\p{sc=Hebrew}{3}))/u;

/**
 * A folded word in the letters that people type instead: ss for ß, l for ł, 0 to 9. Arabic and Hebrew words lose their article.
 * The index holds folded words, so this is for comparisons.
 */
export const foldFurther = (word: string): string =>
  PLAIN.test(word)
    ? word
    : word
        .replace(HAS_OTHER, (letter) => OTHER_LETTERS[letter]!)
        .replace(OTHER_DIGITS, digitsOf)
        .replace(ARTICLE, "");

/** Each word as an array of one; adjacent characters of a script without spaces as one longer array. */
export function* runs(text: string): Generator<readonly Word[]> {
  let run: Word[] = [];
  for (const word of cut(text)) {
    const last = run.at(-1);
    if (last !== undefined && !(word.unspaced && last.end === word.start)) {
      yield run;
      run = [];
    }
    if (word.unspaced) run.push(word);
    else yield [word];
  }
  if (run.length > 0) yield run;
}

/**
 * The index's content for a text. Adjacent characters without spaces are indexed as pairs, in order, so that a phrase
 * of pairs is found anywhere. Single characters occur in too many messages to be compared by position; each is added
 * once, at the end.
 */
export function indexed(text: string): Indexed {
  if (ASCII.test(text)) return indexedAscii(text);
  const words: string[] = [];
  const different = new Set<string>();
  const characters = new Set<string>();
  const note = (word: string): void => {
    words.push(word);
    different.add(word);
  };
  let last: Word | undefined;
  for (const word of cut(text)) {
    const follows = last?.unspaced && word.unspaced && last.end === word.start;
    if (follows) note(last!.text + word.text);
    else if (last?.unspaced) note(last.text); // keeps the pairs of two runs apart
    if (word.unspaced) characters.add(word.text);
    else note(word.text);
    last = word;
    if (different.size + characters.size >= MAX_DIFFERENT || words.length >= MAX_WORDS) break;
  }
  if (last?.unspaced) note(last.text);
  return {
    words: [...words, ...characters].join(" "),
    different: different.size + characters.size,
  };
}

/** The content for ASCII text, which SQLite's tokenizer cuts in the same way. */
function indexedAscii(text: string): Indexed {
  if (text.length < SHORT) return { words: text, different: 0 };
  const different = new Set<string>();
  const word = /[0-9A-Za-z]+/g;
  while (different.size < MAX_DIFFERENT) {
    const match = word.exec(text);
    if (match === null) return { words: text, different: different.size };
    different.add(match[0].toLowerCase());
  }
  return { words: text.slice(0, word.lastIndex), different: different.size };
}

export const pairs = (characters: readonly string[]): string[] =>
  characters.slice(1).map((character, i) => characters[i]! + character);
