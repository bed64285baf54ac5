// The terms of a query: its distinct words, and phrases of characters for scripts without spaces.
import { stem } from "./stem.ts";
import { pairs, runs } from "./words.ts";

export interface Term {
  /** Consecutive tokens in the index: one word, or pairs of characters. */
  readonly phrase: readonly string[];
  /** The characters of a phrase; undefined for a word. */
  readonly characters: readonly string[] | undefined;
  /** Identity of the term: the word's stem, or the characters as one text. */
  readonly key: string;
}

/** Maximum number of terms: each one is a lookup in the index. */
const MAX_TERMS = 32;
/** Maximum characters of a phrase; a longer phrase is split. */
const MAX_CHARACTERS = 32;

/**
 * The terms of a query; none when the query has no word. The query has no syntax. With `loose`, any two adjacent
 * characters of a script without spaces count, like the words of a sentence; otherwise only the whole phrase does.
 */
export function terms(query: string, { loose = false }: { loose?: boolean } = {}): Term[] {
  const found = new Map<string, Term>();
  for (const term of all(query, loose ? 2 : MAX_CHARACTERS)) {
    if (!found.has(term.key)) found.set(term.key, term);
    if (found.size === MAX_TERMS) break;
  }
  return [...found.values()];
}

function* all(query: string, length: number): Generator<Term> {
  for (const run of runs(query)) {
    const letters = run.map(({ text }) => text);
    if (!run[0]!.unspaced) {
      yield { phrase: letters, characters: undefined, key: stem(letters[0]!) };
      continue;
    }
    // Let two adjacent phrases share a character, so that the pair between them is not lost.
    for (let at = 0; at === 0 || at + 1 < letters.length; at += length - 1) {
      const characters = letters.slice(at, at + length);
      const phrase = characters.length === 1 ? characters : pairs(characters);
      yield { phrase, characters, key: characters.join("") };
    }
  }
}
