// How well texts answer a search, after BM25: what they have of the terms, rare ones first, in little text.
import { Matcher } from "./matches.ts";
import type { Term } from "./terms.ts";

/** How fast more of the same term counts less. */
const SATURATION = 1.2;
/** How much of that depends on the length of the text. */
const LENGTH_SHARE = 0.75;

export interface Rankable {
  /** Terms that it is known to have, beyond what `text` shows. */
  has: ReadonlySet<number>;
  /** Its beginning, or nothing of it. */
  text: string;
  /** Of all of it. */
  length: number;
}

/** What a term is worth that `matching` of `total` texts have. Always above 0. */
export const weightOf = (matching: number, total: number): number =>
  Math.log(1 + (Math.max(total - matching, 0) + 0.5) / (matching + 0.5));

/** Each text with its score: above 0, higher is better. `weights`: of the terms. */
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
