// Relevance of texts for a search, after BM25: more of the terms, rarer terms and shorter texts rank higher. Beside that, terms
// that follow each other as in the query count more, and words that say little count less.
import { asksSomething } from "./languages/common-words.ts";
import { type Match, Matcher } from "./matches.ts";
import type { Term } from "./terms.ts";

/** BM25's k1: the saturation of repeated terms. Low, because a short message repeats a word by chance. */
const SATURATION = 0.6;
/** BM25's b: the influence of the text's length. */
const LENGTH_SHARE = 0.6;
/** Part of a common word's weight that remains beside others. */
const COMMON_SHARE = 0.2;
/** Part of the score that depends on how many of the terms a text has. */
const COVERAGE_SHARE = 0.5;
/** Part of two terms' weight that their neighbourhood adds. */
const NEIGHBOURS_SHARE = 0.25;
/** Part of a term's weight that its match in the title gives. */
const TITLE_SHARE = 0.6;
/** What another question is worth as an answer to a question. */
const QUESTION_SHARE = 0.7;

export interface Rankable {
  /** Terms that the index found in the text, with their quality, also beyond the part in `text`. */
  has: ReadonlyMap<number, number>;
  /** The beginning of the text, or "". */
  text: string;
  /** True if `text` is the whole text. What the index has found is only believed where the text cannot be compared. */
  isWhole: boolean;
  /** Length of the whole text. */
  length: number;
  /** The title of the text's session, where it counts. */
  title?: string | undefined;
}

/** BM25's weight of a term that occurs in `matching` of `total` texts; always above 0. */
export const weightOf = (matching: number, total: number): number =>
  Math.log(1 + (Math.max(total - matching, 0) + 0.5) / (matching + 0.5));

export interface Ranking {
  terms: readonly Term[];
  /** One per term. */
  weights: readonly number[];
  /** The terms of which words with a typing mistake count. */
  mistyped?: ReadonlySet<number>;
  /** True for a query that is a whole question. */
  isQuestion?: boolean;
}

/** Each text with its score: above 0, higher is better. */
export function ranked<T extends Rankable>(
  texts: readonly T[],
  { terms, weights: full, mistyped, isQuestion = false }: Ranking,
): (T & { score: number })[] {
  const matcher = new Matcher(terms, mistyped);
  const average = texts.reduce((sum, { length }) => sum + length, 0) / texts.length;
  const weights = full.map((weight, i) => (terms[i]!.common ? weight * COMMON_SHARE : weight));
  const all = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  const titles = new Map<string, readonly number[]>();
  const inTitle = (title: string): readonly number[] => {
    let known = titles.get(title);
    if (known === undefined) titles.set(title, (known = best(terms, matcher.find(title)).quality));
    return known;
  };
  return texts.map((one) => {
    const found = best(terms, matcher.find(one.text));
    const titled = one.title === undefined ? [] : inTitle(one.title);
    const half = SATURATION * (1 - LENGTH_SHARE + (LENGTH_SHARE * one.length) / (average || 1));
    let [score, covered] = [0, 0];
    for (const [term, weight] of weights.entries()) {
      const hint = one.isWhole ? 0 : (one.has.get(term) ?? 0);
      const quality = Math.max(found.quality[term]!, hint);
      const n = Math.max(found.count[term]!, quality > 0 ? 1 : 0);
      const title = (titled[term] ?? 0) * TITLE_SHARE;
      score += weight * Math.max((quality * n * (SATURATION + 1)) / (n + half), title);
      covered += weight * Math.max(quality, title);
    }
    for (const [term, next] of found.neighbours)
      score += NEIGHBOURS_SHARE * (weights[term]! + weights[next]!);
    score *= 1 - COVERAGE_SHARE + (COVERAGE_SHARE * Math.min(covered, all)) / all;
    if (isQuestion && asksSomething(one.text)) score *= QUESTION_SHARE;
    return { ...one, score };
  });
}

interface Best {
  /** By term. */
  quality: number[];
  count: number[];
  /** Pairs of terms that follow each other, each once. */
  neighbours: [number, number][];
}

function best(terms: readonly Term[], matches: Iterable<Match>): Best {
  const result: Best = {
    quality: terms.map(() => 0),
    count: terms.map(() => 0),
    neighbours: [],
  };
  const seen = new Set<number>();
  let before: Match[] = [];
  let here: Match[] = [];
  for (const match of matches) {
    const { term, quality, at } = match;
    result.quality[term] = Math.max(result.quality[term]!, quality);
    result.count[term]! += 1;
    if (at === undefined) continue;
    if (here[0]?.at !== at) [before, here] = [here[0]?.at === at - 1 ? here : [], []];
    here.push(match);
    for (const { term: last } of before) {
      const pair = last * terms.length + term;
      if (!terms[last]!.next?.has(terms[term]!.key) || seen.has(pair)) continue;
      seen.add(pair);
      result.neighbours.push([last, term]);
    }
  }
  return result;
}
