// Phrases that a text must have word for word, and words that it must not have.
import { simplify } from "./languages/chinese.ts";
import { signs } from "./signs.ts";
import { cut, fold } from "./words.ts";

/** Says if a text has all of these phrases; case, accents and signs between the words do not matter. */
export function phraseTest(phrases: readonly string[]): (text: string) => boolean {
  const wanted = phrases.map((phrase) => ({
    words: wordsOf(phrase),
    signs: signsOf(phrase),
  }));
  return (text) => {
    if (wanted.length === 0) return true;
    const words = wordsOf(text);
    const own = new Set(signsOf(text));
    return wanted.every((one) => one.signs.every((sign) => own.has(sign)) && has(words, one.words));
  };
}

const wordsOf = (text: string): string[] => Array.from(cut(text), (word) => simplify(word.text));
const signsOf = (text: string): string[] => Array.from(signs(text), ({ sign }) => sign);

function has(words: readonly string[], phrase: readonly string[]): boolean {
  if (phrase.length === 0) return true;
  for (let at = words.indexOf(phrase[0]!); at !== -1; at = words.indexOf(phrase[0]!, at + 1))
    if (phrase.every((word, i) => words[at + i] === word)) return true;
  return false;
}

/** True for text that, folded, has something to compare. */
export const isEmptyPhrase = (phrase: string): boolean =>
  wordsOf(phrase).length === 0 && signsOf(phrase).length === 0 && fold(phrase).trim() === "";
