// What is counted while calls run: plain numbers, so that counting costs next to nothing whether or not anybody asks.

/** Counts by one label, whose values must be few: never what a client has chosen. */
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

  /** How many values were at most as large as each bound. */
  get cumulative(): number[] {
    let sum = 0;
    return this.#counts.map((count) => (sum += count));
  }
}
