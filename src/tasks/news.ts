// The one way in which changes of tasks wake those who wait for them: runners, calls that wait, clients that listen. Changes
// of this process come from its own code, those of others from the storage's wake-ups.
import type { Changed, Changes } from "../updates/changes.ts";

export class TaskNews implements Changes {
  readonly #changes: Changes;
  readonly #listeners = new Set<{ listener: (changed: Changed) => void }>();
  #foreign: Disposable | undefined;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** To be called after a change of the task, or with `DUE`. */
  changed(...ids: readonly string[]): void {
    this.#tell({ includes: (kind, id) => kind === "task" && ids.includes(id) });
  }

  watch(listener: (changed: Changed) => void): Disposable {
    this.#foreign ??= this.#changes.watch((changed) => this.#tell(changed));
    const entry = { listener };
    this.#listeners.add(entry);
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(entry);
        if (this.#listeners.size > 0) return;
        this.#foreign?.[Symbol.dispose]();
        this.#foreign = undefined;
      },
    };
  }

  #tell(changed: Changed): void {
    for (const { listener } of this.#listeners) listener(changed);
  }
}
