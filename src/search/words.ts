// How text is cut into words: the one place that decides it, for the index, for queries and for highlighting. Words are
// compared folded: without case, accents and forms of writing. Scripts that put no spaces between words are cut into
// single characters. Not here: word forms (stem.ts).

export interface Word {
  /** Folded. */
  text: string;
  /** Where it is in the text: offsets of its first code unit and behind its last. */
  start: number;
  end: number;
  /** One character of a script without spaces. */
  unspaced: boolean;
}

const SCRIPTS = ["Han", "Hiragana", "Katakana", "Bopomofo", "Hangul"]
  .concat(["Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Yi"])
  .map((script) => String.raw`\p{scx=${script}}`);
const UNSPACED = String.raw`[[${SCRIPTS.join("")}]&&[\p{L}\p{N}]]`;
/** A Hangul syllable in its parts, as macOS writes file names. */
const JAMO = String.raw`[\u1100-\u115F][\u1160-\u11A7]+[\u11A8-\u11FF]*`;
/** With the marks of half-width Katakana. */
const CHARACTER = String.raw`${JAMO}|${UNSPACED}[\p{M}\uFF9E\uFF9F]*`;
const WORD = String.raw`[[\p{L}\p{M}\p{N}\p{Co}]--${UNSPACED}]+`;
const PATTERN = new RegExp(`(${CHARACTER})|${WORD}`, "gv");

/** Accents, vowel points and variation selectors; the marks of Kana and of Indic vowels make other letters. */
const ACCENTS = /[[[\p{sc=Inherited}\p{sc=Arabic}\p{sc=Hebrew}]&&\p{M}]--[\u3099\u309A]]+/gv;
const SIGNS = /[^\p{L}\p{M}\p{N}\p{Co}]+/gu;
const ASCII = /^[\x00-\x7F]*$/;
/** Nothing to fold but case: most words, most characters of Chinese, Japanese and Korean. */
const PLAIN = /^(?:[0-9A-Za-z]*|[\u3041-\u3096\u30A1-\u30FA\u3400-\u9FFF\uAC00-\uD7A3])$/;

/**
 * Of a text, so many different words are indexed, and so many in all where they have to be cut here: what comes after
 * them is not found. A row with more would hold up everybody while it is written. A novel has half as many.
 */
const MAX_DIFFERENT = 16_000;
const MAX_WORDS = 210_000;
/** Too few characters for words to be worth counting. */
const SHORT = 16_000;

/** What the index is given of a text, and how many different words it has; 0 for few. */
export interface Indexed {
  words: string;
  different: number;
}

/** A word is compared by so many characters of it; more are marks without end. */
const MAX_WORD = 1_000;

/** The words of a text, in order. A lone surrogate, a sign or an emoji is none. */
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

/** Most words of a text come again, and to fold is dear. */
function foldOnce(word: string, known: Map<string, string>): string {
  if (PLAIN.test(word)) return word.toLowerCase();
  let folded = known.get(word);
  if (folded === undefined) known.set(word, (folded = fold(word)));
  return folded;
}

function fold(word: string): string {
  const letters = word.slice(0, MAX_WORD).normalize("NFKD").toLowerCase().replace(ACCENTS, "");
  return letters.normalize("NFC").replace(SIGNS, "");
}

/** Words, and characters that follow each other without anything between, as arrays of more than one. */
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
 * What the index holds of a text. Of characters without spaces it holds the pairs, in order, so that a phrase of pairs
 * is found wherever it stands: single characters are in too many messages to be compared by their places. It holds
 * these too, once each, at the end.
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
    else if (last?.unspaced) note(last.text); // keeps pairs of the next run apart
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

/** The index itself cuts it in the same way. */
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

/** Each character with the next one. */
export const pairs = (characters: readonly string[]): string[] =>
  characters.slice(1).map((character, i) => characters[i]! + character);
