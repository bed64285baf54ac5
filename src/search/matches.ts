// The matches of search terms in a text.
import { areSpellings, spellingsOf } from "./languages/chinese.ts";
import { Likeness } from "./likeness.ts";
import { numbers, signs } from "./signs.ts";
import type { Term } from "./terms.ts";
import { runs, type Word } from "./words.ts";

export interface Match {
  /** The term's index. */
  term: number;
  start: number;
  end: number;
  /** How well it matches, above 0 and up to 1. */
  quality: number;
  /** Number of the word in the text; undefined for what is no word. */
  at?: number;
}

interface Phrase {
  term: number;
  characters: readonly string[];
  /** As in `Term`. */
  isWhole: boolean;
}

type Like = readonly { term: number; quality: number }[];

const NONE: Like = [];
const PART_OF_NUMBER = 0.7;
const PART_OF_WORD = 0.8;
/** A letter that is part of another name. */
const NAME = /^(?:c\+\+|[cfj]#)(?![\p{L}\p{N}])/iu;

const KANA = /[\p{sc=Hiragana}\p{sc=Katakana}]/u;
/** Japanese writes most words in one of these scripts, and what stands between them in Hiragana. */
const WORD_SCRIPTS = [/\p{sc=Han}/u, /\p{sc=Katakana}/u];

const areOneWord = (a: Word | undefined, b: Word): boolean =>
  a !== undefined && WORD_SCRIPTS.some((script) => script.test(a.text) && script.test(b.text));

/** Finds the same terms in several texts; remembers words that come again. */
export class Matcher {
  readonly #words: { term: number; likeness: Likeness }[] = [];
  /** By the spellings of their first characters. */
  readonly #phrases = new Map<string, Phrase[]>();
  readonly #signs = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  /** The beginnings of the numbers. */
  readonly #begun = new Set<string>();
  readonly #isBegun = (digits: string): boolean => this.#begun.has(digits);
  readonly #known = new Map<string, Like>();
  readonly #mistyped: ReadonlySet<number>;

  /** `mistyped`: the terms of which words with one typing mistake count, too. */
  constructor(terms: readonly Term[], mistyped: ReadonlySet<number> = new Set()) {
    this.#mistyped = mistyped;
    for (const [term, { word, characters, sign, digits, ...one }] of terms.entries()) {
      if (sign !== undefined) this.#signs.set(sign, term);
      else if (digits !== undefined) this.#addNumber(digits, term);
      else if (characters !== undefined)
        this.#addPhrase({ term, characters, isWhole: one.isWhole === true });
      else if (word !== undefined)
        this.#words.push({ term, likeness: new Likeness({ ...one, word, characters }) });
    }
  }

  #addPhrase(phrase: Phrase): void {
    for (const first of spellingsOf(phrase.characters[0]!))
      this.#phrases.set(first, [...(this.#phrases.get(first) ?? []), phrase]);
  }

  #addNumber(digits: string, term: number): void {
    this.#numbers.set(digits, term);
    for (let length = 1; length <= digits.length; length++)
      this.#begun.add(digits.slice(0, length));
  }

  /** Matches in the order of their starts, except for numbers, signs and overlapping phrases. */
  *find(text: string): Generator<Match> {
    let at = 0;
    for (const run of runs(text)) {
      const { text: word, start, end, unspaced } = run[0]!;
      if (unspaced) yield* this.#inRun(run);
      else {
        for (const like of this.#like(word, text, start, end)) yield { ...like, start, end, at };
        at += 1;
      }
    }
    if (this.#signs.size > 0) yield* this.#inSigns(text);
    if (this.#numbers.size > 0) yield* this.#inNumbers(text);
  }

  #like(word: string, text: string, start: number, end: number): Like {
    if (this.#words.length === 0) return NONE;
    if (word.length === 1 && NAME.test(text.slice(start, start + 4))) return NONE;
    const raw = text.slice(start, end);
    let like = this.#known.get(raw);
    if (like === undefined) {
      const all = this.#words.map(({ term, likeness }) => ({
        ...{ term, quality: likeness.of(word, raw, this.#mistyped.has(term)) },
      }));
      like = all.filter(({ quality }) => quality > 0);
      this.#known.set(raw, like);
    }
    return like;
  }

  *#inRun(run: readonly Word[]): Generator<Match> {
    let isJapanese: boolean | undefined;
    for (const [at, { text, start }] of run.entries()) {
      for (const { term, characters, isWhole } of this.#phrases.get(text) ?? []) {
        const last = at + characters.length - 1;
        if (last >= run.length) continue;
        isJapanese ??= run.some((one) => KANA.test(one.text));
        const areAlike = isJapanese ? Object.is : areSpellings;
        if (!characters.every((character, i) => areAlike(character, run[at + i]!.text))) continue;
        const isPart =
          isJapanese &&
          isWhole &&
          (areOneWord(run[at - 1], run[at]!) || areOneWord(run[last + 1], run[last]!));
        yield { term, start, end: run[last]!.end, quality: isPart ? PART_OF_WORD : 1 };
      }
    }
  }

  *#inSigns(text: string): Generator<Match> {
    for (const { sign, start, end } of signs(text)) {
      const term = this.#signs.get(sign);
      if (term !== undefined) yield { term, start, end, quality: 1 };
    }
  }

  *#inNumbers(text: string): Generator<Match> {
    for (const { digits, start, end, isWhole } of numbers(text, this.#isBegun)) {
      const term = this.#numbers.get(digits);
      if (term !== undefined) yield { term, start, end, quality: isWhole ? 1 : PART_OF_NUMBER };
    }
  }
}
