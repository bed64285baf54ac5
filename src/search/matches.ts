// The matches of search terms in a text.
import { stem } from "./stem.ts";
import type { Term } from "./terms.ts";
import { runs, type Word } from "./words.ts";

export interface Match {
  /** The term's index. */
  term: number;
  start: number;
  end: number;
}

/** Finds the same terms in several texts; remembers the stems of words that come again. */
export class Matcher {
  readonly #words = new Map<string, number>();
  readonly #phrases: { term: number; characters: readonly string[] }[] = [];
  readonly #known = new Map<string, number | undefined>();

  constructor(terms: readonly Term[]) {
    for (const [term, { key, characters }] of terms.entries()) {
      if (characters === undefined) this.#words.set(key, term);
      else this.#phrases.push({ term, characters });
    }
  }

  /** Matches in the order of their starts, except for overlapping phrases. */
  *find(text: string): Generator<Match> {
    for (const run of runs(text)) {
      const { text: word, start, end, unspaced } = run[0]!;
      if (unspaced) yield* this.#inRun(run);
      else {
        const term = this.#termOf(word);
        if (term !== undefined) yield { term, start, end };
      }
    }
  }

  #termOf(word: string): number | undefined {
    if (this.#words.size === 0) return undefined;
    if (!this.#known.has(word)) this.#known.set(word, this.#words.get(stem(word)));
    return this.#known.get(word);
  }

  *#inRun(run: readonly Word[]): Generator<Match> {
    for (const [at, { text, start }] of run.entries()) {
      for (const { term, characters } of this.#phrases) {
        if (characters[0] !== text || at + characters.length > run.length) continue;
        if (!characters.every((character, i) => run[at + i]!.text === character)) continue;
        yield { term, start, end: run[at + characters.length - 1]!.end };
      }
    }
  }
}
