// Suggests known words for a mistyped one.
import { distance } from "fastest-levenshtein";

/** The most similar of `words`, if one is similar enough. */
export function similarTo(word: string, words: readonly string[]): string | undefined {
  const [best] = words
    .map((other) => ({ other, edits: distance(word, other) }))
    .toSorted((a, b) => a.edits - b.edits);
  return best && best.edits <= Math.max(1, word.length / 4) ? best.other : undefined;
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
