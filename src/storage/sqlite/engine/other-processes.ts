// Changes by other processes in SQLite. The data version tells that something was committed, and not what: one timer a
// process asks it for all watchers.
import { Listeners } from "../../../lib/listeners.ts";
import { ANYTHING, type Changed, type Changes } from "../../../updates/changes.ts";
import type { DataVersion } from "./row-cache.ts";

const INTERVAL_MS = 200;

export class OtherProcesses implements Changes {
  readonly #version: DataVersion;
  readonly #listeners = new Listeners<[changed: Changed]>();
  #seen: unknown;
  #timer: NodeJS.Timeout | undefined;

  constructor(version: DataVersion) {
    this.#version = version;
  }

  watch(listener: (changed: Changed) => void): Disposable {
    if (this.#timer === undefined) {
      this.#seen = this.#version.latest();
      this.#timer = setInterval(() => this.#look(), INTERVAL_MS).unref();
    }
    const watch = this.#listeners.watch(listener);
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        if (this.#listeners.isEmpty) this.close();
      },
    };
  }

  /** Wakes the watchers, after a commit that ends what a dead process has left. */
  report(): void {
    this.#listeners.tell(ANYTHING);
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
