// A count for each key; a key whose count is 0 is not stored.
import { once } from "../once.ts";
import { ShortLivedMap } from "./short-lived.ts";

export class CountByKey {
  readonly #counts = new ShortLivedMap<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  get keys(): string[] {
    return [...this.#counts.keys()];
  }

  /** Add `some` to the key's count until the returned function is called. */
  add(key: string, some = 1): () => void {
    this.#counts.set(key, this.of(key) + some);
    return once(() => {
      const rest = this.of(key) - some;
      if (rest > 0) this.#counts.set(key, rest);
      else this.#counts.delete(key);
    });
  }
}
