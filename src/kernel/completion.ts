// The answer to `completion/complete`: at most a hundred suggestions, and whether there are more.

const MAX_SUGGESTIONS = 100;

export interface Completion {
  completion: { values: string[]; total: number; hasMore: boolean };
  [key: string]: unknown;
}

export function completion(all: readonly string[]): Completion {
  const values = all.slice(0, MAX_SUGGESTIONS);
  return { completion: { values, total: all.length, hasMore: all.length > values.length } };
}
