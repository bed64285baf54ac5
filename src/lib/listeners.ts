// Those who want to know that something happened.

export class Listeners<Told extends unknown[] = []> {
  /** One listener may be there more than once. */
  readonly #all = new Set<{ listener: (...told: Told) => void }>();

  /** Calls `listener` each time, until it is disposed of. */
  readonly watch = (listener: (...told: Told) => void): Disposable => {
    const entry = { listener };
    this.#all.add(entry);
    return { [Symbol.dispose]: () => void this.#all.delete(entry) };
  };

  get isEmpty(): boolean {
    return this.#all.size === 0;
  }

  tell(...told: Told): void {
    for (const { listener } of this.#all) listener(...told);
  }
}
