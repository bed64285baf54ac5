// Those who wait for a state that changes now and then, such as a stop for the last request.

export class Waiters {
  #next = Promise.withResolvers<void>();

  /** Tells those who wait that they look again. */
  tell(): void {
    this.#next.resolve();
  }

  /**
   * Resolves when `holds` says so after a change, at the latest after `ms`. Keeps the process alive until then: what is
   * waited for may not.
   */
  async until(holds: () => boolean, ms: number): Promise<void> {
    const { promise: overdue, resolve } = Promise.withResolvers<true>();
    const timer = setTimeout(() => resolve(true), ms);
    while (!holds()) {
      this.#next = Promise.withResolvers();
      if (await Promise.race([overdue, this.#next.promise])) break;
    }
    clearTimeout(timer);
  }
}
