// Suggests known words for a mistyped one.

/** The most similar of `words`, if one is similar enough. */
export function similarTo(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((other) => ({ other, distance: editDistance(word, other) }))
    .toSorted((a, b) => a.distance - b.distance);
  return best && best.distance <= Math.max(1, word.length / 4) ? best.other : undefined;
}

/**
 * The unknown ones among `names`, each with the known name that may be meant. `spell` writes a suggestion like the
 * user's names.
 */
export function unknownAmong(
  names: readonly string[],
  known: readonly string[],
  spell = (name: string): string => name,
): { name: string; meant: string | undefined }[] {
  return names
    .filter((name) => !known.includes(name))
    .map((name) => ({ name, meant: similarTo(spell(name), known) }));
}

/** Levenshtein distance: the number of characters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
