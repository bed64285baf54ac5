// The answer to `completion/complete`: at most a hundred suggestions, and a flag for more.

const MAX_SUGGESTIONS = 100;

/** All suggestions, or the first ones with a flag for more. */
export type Suggestions = readonly string[] | { values: readonly string[]; hasMore: boolean };

export interface Completion {
  /** `total` is absent when unknown. */
  completion: { values: string[]; total?: number; hasMore: boolean };
  [key: string]: unknown;
}

export function completion(suggestions: Suggestions): Completion {
  const { values: all, hasMore: beyond } =
    "hasMore" in suggestions ? suggestions : { values: suggestions, hasMore: false };
  const values = all.slice(0, MAX_SUGGESTIONS);
  const hasMore = beyond || all.length > values.length;
  return { completion: { values, ...(!beyond && { total: all.length }), hasMore } };
}
