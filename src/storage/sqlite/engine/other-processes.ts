// Changes by other processes in SQLite. The data version tells that something was committed, and not what: one timer a
// process asks it for all watchers.
import { ANYTHING, type Changed, type Changes } from "../../../updates/changes.ts";
import type { DataVersion } from "./row-cache.ts";

const INTERVAL_MS = 200;

type Listener = (changed: Changed) => void;

export class OtherProcesses implements Changes {
  readonly #version: DataVersion;
  readonly #listeners = new Set<{ listener: Listener }>();
  #seen: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(version: DataVersion) {
    this.#version = version;
  }

  watch(listener: Listener): Disposable {
    if (this.#timer === undefined) {
      this.#seen = this.#version.latest();
      this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
    }
    const entry = { listener };
    this.#listeners.add(entry);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(entry);
        if (this.#listeners.size === 0) this.close();
      },
    };
  }

  /** Wakes the watchers, after a commit that ends what a dead process has left. */
  report(): void {
    for (const { listener } of this.#listeners) listener(ANYTHING);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    try {
      const version = this.#version.latest();
      if (version === this.#seen) return;
      this.#seen = version;
    } catch {
      // The watchers look for themselves, and get the reason.
    }
    this.report();
  }
}
