// How well a message answers a search, after BM25: what it has of the terms, rare ones first, in little text.

/** How fast more of the same term counts less. */
const SATURATION = 1.2;
/** How much of that depends on the length of the text. */
const LENGTH_SHARE = 0.75;

/** What a term is worth that `matching` of `total` messages have. Always above 0. */
export const weightOf = (matching: number, total: number): number =>
  Math.log(1 + Math.max(total, matching) / matching);

/** `counts`: how often the text has each term. `length` is compared with that of the others. */
export function score(
  counts: readonly number[],
  weights: readonly number[],
  length: { own: number; average: number },
): number {
  const longer = length.average > 0 ? length.own / length.average : 1;
  const half = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * longer);
  return counts.reduce((sum, n, i) => sum + (weights[i]! * n * (SATURATION + 1)) / (n + half), 0);
}
