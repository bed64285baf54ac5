// What is searched for: the distinct words of a query, and what it has of scripts without spaces, as phrases.
import { stem } from "./stem.ts";
import { pairs, runs } from "./words.ts";

export interface Term {
  /** What follows each other in the index where this is: one word, or pairs of characters. */
  readonly phrase: readonly string[];
  /** The characters of a phrase; undefined for a word. */
  readonly characters: readonly string[] | undefined;
  /** By which a word is the same as another; the characters as one text. */
  readonly key: string;
}

/** More say nothing new, and each is one look into the index. */
const MAX_TERMS = 32;
/** A longer phrase is several. */
const MAX_CHARACTERS = 32;

/**
 * The terms of a query; none when it has no word. Nothing in it is syntax. `loose`: any two characters that follow each
 * other count, as the words of a sentence would; otherwise only the whole phrase does.
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
    // Two in a row share a character, so that nothing between them is lost.
    for (let at = 0; at === 0 || at + 1 < letters.length; at += length - 1) {
      const characters = letters.slice(at, at + length);
      const phrase = characters.length === 1 ? characters : pairs(characters);
      yield { phrase, characters, key: characters.join("") };
    }
  }
}
