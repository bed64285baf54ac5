// The terms of a query: its distinct words, numbers, phrases of characters for scripts without spaces, and signs that mean
// something, such as emoji and C++. Not here: the syntax around them (chat/search-query.ts).
import { type CommonLanguage, commonWords } from "./languages/common-words.ts";
import { stem } from "./languages/stem.ts";
import { askedNumbers, signs } from "./signs.ts";
import { pairs, runs } from "./words.ts";

export interface Term {
  /** Consecutive tokens in the index: one word, or pairs of characters; the words of a number. */
  readonly phrase: readonly string[];
  /** The characters of a phrase; undefined for a word. */
  readonly characters: readonly string[] | undefined;
  /** True for all characters between two spaces or signs, such as a word of Japanese. */
  readonly isWhole?: boolean;
  /** Identity of the term: the word's stem, or the characters as one text. */
  readonly key: string;
  /** The word, folded; undefined for the others. */
  readonly word?: string;
  /** The word as it was written, in small letters: word forms depend on its accents. */
  readonly written?: string;
  /** The digits of a number, without separators. */
  readonly digits?: string;
  /** A sign, as search/signs.ts writes it. */
  readonly sign?: string;
  /** True for a word that says little, beside words that say more. */
  readonly common?: boolean;
  /** Keys of the words that follow this one in the query. */
  readonly next?: ReadonlySet<string>;
  /** True for the last word, which may be the beginning of a longer one. */
  readonly open?: boolean;
  /** The likeliest languages of the query; empty when nothing tells. */
  readonly languages: readonly CommonLanguage[];
}

/** Maximum number of terms: each one is a lookup in the index. */
const MAX_TERMS = 32;
/** Maximum characters of a phrase; a longer phrase is split. */
const MAX_CHARACTERS = 32;
/** Numbers with fewer digits are words. */
export const MIN_DIGITS = 3;

export interface TermOptions {
  /** Any two adjacent characters of a script without spaces count, like the words of a sentence; otherwise the whole phrase. */
  loose?: boolean;
  /** The last word may be the beginning of a longer one. */
  open?: boolean;
}

/** The terms of a query; none when the query has nothing to search for. The query has no syntax. */
export function terms(query: string, { loose = false, open = false }: TermOptions = {}): Term[] {
  const all = [...allOf(query, loose ? 2 : MAX_CHARACTERS)];
  const { languages, common } = commonWords(all.map(({ word, key }) => word ?? key));
  const last =
    open && /[\p{L}\p{M}\p{N}]$/u.test(query) ? all.findLastIndex(({ word }) => word) : -1;
  const found = new Map<string, Term & { next: Set<string> }>();
  for (const [at, term] of all.entries()) {
    const known = found.get(term.key);
    const next = known?.next ?? new Set<string>();
    const follower = all[at + 1];
    if (term.word !== undefined && follower?.word !== undefined) next.add(follower.key);
    const isOpen = at === last || known?.open === true;
    found.set(term.key, {
      ...(known ?? term),
      ...{ languages, common: common.has(at), open: isOpen, next },
    });
  }
  return [...found.values()]
    .toSorted((a, b) => Number(a.common) - Number(b.common))
    .slice(0, MAX_TERMS);
}

type Bare = Omit<Term, "languages" | "common" | "open" | "next">;

function* allOf(query: string, length: number): Generator<Bare> {
  for (const { sign } of signs(query)) yield { phrase: [], characters: undefined, key: sign, sign };
  const taken: (readonly [number, number])[] = [];
  for (const { start, end } of signs(query)) taken.push([start, end]);
  for (const { start, end, digits, isOne, groups } of askedNumbers(query)) {
    if (digits.length < MIN_DIGITS || taken.some(([from, to]) => start >= from && end <= to))
      continue;
    yield { phrase: groups, characters: undefined, key: `#${digits}`, digits };
    if (isOne && !/\s/.test(query.slice(start, end))) taken.push([start, end]);
  }
  for (const run of runs(query)) {
    const { start, end } = { start: run[0]!.start, end: run.at(-1)!.end };
    if (taken.some(([from, to]) => start >= from && end <= to)) continue;
    if (run[0]!.unspaced)
      yield* phrasesOf(
        run.map(({ text }) => text),
        length,
      );
    else yield* wordsOf(run[0]!.text, query.slice(start, end));
  }
}

function* wordsOf(word: string, raw: string): Generator<Bare> {
  const one = (folded: string, written: string): Bare => ({
    ...{ phrase: [folded], characters: undefined, key: stem(folded) },
    ...{ word: folded, written: written.normalize("NFC").toLowerCase() },
  });
  yield one(word, raw);
  const parts = camelParts(raw);
  if (parts.length > 1) for (const part of parts) yield one(part.toLowerCase(), part);
}

/** The words of an identifier such as `getUserName`; empty for another word. */
export const camelParts = (raw: string): string[] =>
  /\p{Ll}\p{Lu}/u.test(raw) ? (raw.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|\d+/gu) ?? []) : [];

function* phrasesOf(letters: readonly string[], length: number): Generator<Bare> {
  // Let two adjacent phrases share a character, so that the pair between them is not lost.
  for (let at = 0; at === 0 || at + 1 < letters.length; at += length - 1) {
    const characters = letters.slice(at, at + length);
    const phrase = characters.length === 1 ? characters : pairs(characters);
    const isWhole = characters.length === letters.length;
    yield { phrase, characters, isWhole, key: characters.join("") };
  }
}
