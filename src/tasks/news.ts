// The one way in which changes of tasks wake those who wait for them: runners, calls that wait, clients that listen. Changes
// of this process come from its own code, those of others from the storage's wake-ups.
import { Listeners } from "../lib/listeners.ts";
import type { Changed, Changes } from "../updates/changes.ts";

export class TaskNews implements Changes {
  readonly #changes: Changes;
  readonly #listeners = new Listeners<[changed: Changed]>();
  #foreign: Disposable | undefined;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** To be called after a change of the task, or with `DUE`. */
  changed(...ids: readonly string[]): void {
    this.#listeners.tell({ includes: (kind, id) => kind === "task" && ids.includes(id) });
  }

  watch(listener: (changed: Changed) => void): Disposable {
    this.#foreign ??= this.#changes.watch((changed) => this.#listeners.tell(changed));
    const watch = this.#listeners.watch(listener);
    return {
      [Symbol.dispose]: () => {
        watch[Symbol.dispose]();
        if (!this.#listeners.isEmpty) return;
        this.#foreign?.[Symbol.dispose]();
        this.#foreign = undefined;
      },
    };
  }
}
