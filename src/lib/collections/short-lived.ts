// Collections of what comes and goes all the time, such as running calls.
//
// V8 links each outgrown table of a Map or Set to the next one. As soon as one of these tables is in the old generation, all
// later ones survive every collection of young memory, with what they held: a fifth of all that calls allocate. Copying
// the entries to a new Map now and then ends the chain.

/** Deletions between two copies, at least; as many as there are entries in a larger map. */
const RENEW_AFTER = 64;

/** A map whose entries live for a moment, in the order of their insertion. */
export class ShortLivedMap<K, V> implements Iterable<[K, V]> {
  #entries = new Map<K, V>();
  #deleted = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  /** True if there was an entry. An iteration that goes on meanwhile may still see it. */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#deleted += 1;
    if (this.#deleted >= Math.max(RENEW_AFTER, this.#entries.size)) this.#renew(this.#entries);
    return true;
  }

  clear(): void {
    this.#renew([]);
  }

  keys(): MapIterator<K> {
    return this.#entries.keys();
  }

  values(): MapIterator<V> {
    return this.#entries.values();
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries[Symbol.iterator]();
  }

  #renew(entries: Iterable<[K, V]>): void {
    this.#entries = new Map(entries);
    this.#deleted = 0;
  }
}

/** A set whose values are in it for a moment. */
export class ShortLivedSet<T> implements Iterable<T> {
  readonly #values = new ShortLivedMap<T, undefined>();

  get size(): number {
    return this.#values.size;
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  add(value: T): void {
    this.#values.set(value, undefined);
  }

  delete(value: T): boolean {
    return this.#values.delete(value);
  }

  clear(): void {
    this.#values.clear();
  }

  [Symbol.iterator](): MapIterator<T> {
    return this.#values.keys();
  }
}
