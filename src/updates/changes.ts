// The port for changes by other processes. A change is a wake-up: it says where to look, and the stores say what is
// there. It may name too much, never too little.

export interface Subject {
  kind: "client" | "stream" | "session" | "call" | "task";
  id: string;
}

/** The subjects of a change. */
export interface Changed {
  includes(kind: Subject["kind"], id: string): boolean;
}

/** A change that may be of any subject. */
export const ANYTHING: Changed = { includes: () => true };

export interface Changes {
  /**
   * Calls `listener` within a moment after another process has stored something, and after this process has ended what a
   * dead one had left. An engine whose wake-ups can get lost reports `ANYTHING` from time to time. Disposing ends the calls.
   */
  watch(listener: (changed: Changed) => void): Disposable;
}

/** Maximum time without a look: a wake-up may get lost. */
const SLOW_POLL_MS = 5_000;

/** Waits for changes of one subject. A change between a look and the wait after it counts. */
export class ChangeWait implements Disposable {
  readonly #watch: Disposable;
  #hasChanged = false;
  #wake: (() => void) | undefined;

  /** To be created before the first look. */
  constructor(changes: Changes, { kind, id }: Subject) {
    this.#watch = changes.watch((changed) => {
      if (!changed.includes(kind, id)) return;
      this.#hasChanged = true;
      this.#wake?.();
    });
  }

  /**
   * Resolves after a change since the last call, or after `maxMs` or a few seconds.
   * @throws the signal's reason
   */
  async next(signal: AbortSignal, maxMs = SLOW_POLL_MS): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    if (this.#hasChanged) wake();
    this.#wake = wake;
    const timer = setTimeout(wake, Math.min(maxMs, SLOW_POLL_MS));
    signal.addEventListener("abort", wake);
    await promise;
    signal.removeEventListener("abort", wake);
    clearTimeout(timer);
    this.#hasChanged = false;
    signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
