// A cache of at most so many entries, of which the least recently used go first. It grows with its entries: lru-cache's
// `max` takes the room for all of them at once, which each start would pay for.
import { LRUCache } from "lru-cache";

export function boundedCache<Value extends object | number | true>(
  entries: number,
): LRUCache<string, Value> {
  return new LRUCache({ maxSize: entries, sizeCalculation: () => 1 });
}
