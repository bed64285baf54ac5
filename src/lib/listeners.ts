// Those who want to know that something happened, and look for themselves what.

export class Listeners {
  readonly #all = new Set<{ listener: () => void }>();

  /** Calls `listener` each time, until it is disposed of. */
  readonly watch = (listener: () => void): Disposable => {
    const entry = { listener };
    this.#all.add(entry);
    return { [Symbol.dispose]: () => void this.#all.delete(entry) };
  };

  tell(): void {
    for (const { listener } of this.#all) listener();
  }
}
