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

/** The words of a text, in order. A lone surrogate, a sign or an emoji is none. */
export function* cut(text: string): Generator<Word> {
  for (const match of text.matchAll(PATTERN)) {
    const folded = fold(match[0]);
    if (folded === "") continue;
    const start = match.index;
    const unspaced = match[1] !== undefined;
    yield { text: folded, start, end: start + match[0].length, unspaced };
  }
}

function fold(word: string): string {
  if (PLAIN.test(word)) return word.toLowerCase();
  const letters = word.normalize("NFKD").toLowerCase().replace(ACCENTS, "");
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
export function indexed(text: string): string {
  if (ASCII.test(text)) return text; // the index itself cuts it in the same way
  const words: string[] = [];
  const characters = new Set<string>();
  for (const run of runs(text)) {
    if (!run[0]!.unspaced) {
      words.push(run[0]!.text);
      continue;
    }
    const letters = run.map((word) => word.text);
    for (const letter of letters) characters.add(letter);
    for (const pair of pairs(letters)) words.push(pair); // one by one: there may be a hundred thousand
    words.push(letters.at(-1)!); // keeps pairs of the next run apart
  }
  return [...words, ...characters].join(" ");
}

/** Each character with the next one. */
export const pairs = (characters: readonly string[]): string[] =>
  characters.slice(1).map((character, i) => characters[i]! + character);
