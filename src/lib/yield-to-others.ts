// Long work in pieces: between them everybody else has a turn.
import { setImmediate as nextTurn } from "node:timers/promises";

/** Milliseconds that others may be held up. */
const PIECE_MS = 10;

/** Does it for one item after the other, and lets others in when that has taken a while. */
export async function mapInPieces<T, R>(
  items: readonly T[],
  act: (item: T, index: number) => R,
): Promise<R[]> {
  const results: R[] = [];
  let began = performance.now();
  for (const [index, item] of items.entries()) {
    results.push(act(item, index));
    if (performance.now() - began < PIECE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
  return results;
}
