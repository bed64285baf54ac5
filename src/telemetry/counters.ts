// Counters that calls increment: plain numbers, so counting costs next to nothing without a reader too.

/** Counts by one label. Its values must be few: never text that a client chooses. */
export class Counter {
  readonly #counts = new Map<string, number>();

  add(label: string, some = 1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + some);
  }

  get entries(): [label: string, count: number][] {
    return [...this.#counts];
  }
}

export class Histogram {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#count += 1;
    this.#sum += value;
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i++) {
      if (value > bounds[i]!) continue;
      this.#counts[i]! += 1;
      return;
    }
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Number of values at most as large as each bound. */
  get cumulative(): number[] {
    let sum = 0;
    return this.#counts.map((count) => (sum += count));
  }
}
