// Relevance of texts for a search, after BM25: more of the terms, rarer terms and shorter texts rank higher.
import { Matcher } from "./matches.ts";
import type { Term } from "./terms.ts";

/** BM25's k1: the saturation of repeated terms. */
const SATURATION = 1.2;
/** BM25's b: the influence of the text's length. */
const LENGTH_SHARE = 0.75;

export interface Rankable {
  /** Terms that the index found in the text, also beyond the part in `text`. */
  has: ReadonlySet<number>;
  /** The beginning of the text, or "". */
  text: string;
  /** Length of the whole text. */
  length: number;
}

/** BM25's weight of a term that occurs in `matching` of `total` texts; always above 0. */
export const weightOf = (matching: number, total: number): number =>
  Math.log(1 + (Math.max(total - matching, 0) + 0.5) / (matching + 0.5));

/** Each text with its score: above 0, higher is better. `weights` has one weight per term. */
export function ranked<T extends Rankable>(
  texts: readonly T[],
  terms: readonly Term[],
  weights: readonly number[],
): (T & { score: number })[] {
  const matcher = new Matcher(terms);
  const average = texts.reduce((sum, { length }) => sum + length, 0) / texts.length;
  return texts.map((one) => {
    const counts = terms.map((_, term) => (one.has.has(term) ? 1 : 0));
    const found = terms.map(() => 0);
    for (const { term } of matcher.find(one.text)) found[term]! += 1;
    const half = SATURATION * (1 - LENGTH_SHARE + (LENGTH_SHARE * one.length) / average);
    const score = weights.reduce((sum, weight, term) => {
      const n = Math.max(counts[term]!, found[term]!);
      return sum + (weight * n * (SATURATION + 1)) / (n + half);
    }, 0);
    return { ...one, score };
  });
}
