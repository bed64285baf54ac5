// A count for each key.

/** Keys without a count that may stay: most come back at once. */
const MAX_UNUSED = 64;

interface Count {
  count: number;
}

export class CountByKey {
  #counts = new Map<string, Count>();
  /** Number of keys whose count is 0. */
  #unused = 0;

  of(key: string): number {
    return this.#counts.get(key)?.count ?? 0;
  }

  get total(): number {
    let total = 0;
    for (const { count } of this.#counts.values()) total += count;
    return total;
  }

  /** The keys whose count is not 0. */
  get keys(): string[] {
    return [...this.#counts].filter(([, { count }]) => count > 0).map(([key]) => key);
  }

  /** Add `some` to the key's count until the returned function is called. */
  add(key: string, some = 1): () => void {
    let entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, (entry = { count: 0 }));
    else if (entry.count === 0) this.#unused -= 1;
    entry.count += some;
    const held = entry;
    let rest = some;
    return () => {
      if (rest === 0) return;
      held.count -= rest;
      rest = 0;
      if (held.count === 0) this.#leave();
    };
  }

  /** Forget the unused keys when they are many. */
  #leave(): void {
    this.#unused += 1;
    if (this.#unused <= Math.max(MAX_UNUSED, this.#counts.size / 2)) return;
    this.#counts = new Map([...this.#counts].filter(([, { count }]) => count > 0));
    this.#unused = 0;
  }
}
