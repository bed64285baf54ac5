// The places of a process for running tasks. One principal has at most half of them, so that there is room for others.
const MAX_RUNNING = 100;

export class Places {
  /** Maximum number of one principal. */
  readonly each: number;
  readonly #max: number;
  /** Number of taken places, by principal. */
  readonly #taken = new Map<string, number>();

  constructor(max = MAX_RUNNING) {
    this.#max = max;
    this.each = Math.ceil(max / 2);
  }

  get free(): number {
    return this.#max - this.#taken.values().reduce((sum, n) => sum + n, 0);
  }

  /** Number of taken places of each principal that has some. */
  get taken(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#taken);
  }

  /** Takes a place; false if there is none for this principal. */
  take(owner: string): boolean {
    if (this.free <= 0 || (this.#taken.get(owner) ?? 0) >= this.each) return false;
    this.hold(owner);
    return true;
  }

  /** Takes a place for a task that is claimed already. */
  hold(owner: string): void {
    this.#taken.set(owner, (this.#taken.get(owner) ?? 0) + 1);
  }

  /** Gives a place back; true if a task that waits may have waited for it. */
  give(owner: string): boolean {
    const n = this.#taken.get(owner)!;
    const wasFull = this.free <= 0 || n >= this.each;
    if (n > 1) this.#taken.set(owner, n - 1);
    else this.#taken.delete(owner);
    return wasFull;
  }
}
