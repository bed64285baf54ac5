// The answer to `completion/complete`: at most a hundred suggestions, and whether there are more.

const MAX_SUGGESTIONS = 100;

/** All suggestions; or the first of them, with whether there are more. */
export type Suggestions = readonly string[] | { values: readonly string[]; hasMore: boolean };

export interface Completion {
  /** `total` is left out where it is not known. */
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
