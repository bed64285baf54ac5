// The notifications of tasks on one `subscriptions/listen` stream (SEP-2663): the whole task after each change, and as it is at the
// beginning. Nothing is stored: a client that comes back is told anew.
import { hasEnded } from "../../tasks/task.ts";
import type { Tasks } from "../../tasks/tasks.ts";
import { detailedTask } from "../../tools/tasks/wire.ts";

/** Time before the next look after an error, in milliseconds. */
const RETRY_MS = 1_000;

export class TaskFeed implements Disposable {
  readonly #tasks: Tasks;
  readonly #owner: string;
  readonly #tell: (task: ReturnType<typeof detailedTask>) => void;
  readonly #onError: (error: unknown) => void;
  /** Revision that was told last, by task. */
  readonly #told: Map<string, number>;
  #watch: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #looksAgain = false;

  /** `ids`: tasks of this owner. */
  constructor(
    tasks: Tasks,
    { ids, owner }: { ids: readonly string[]; owner: string },
    tell: (task: ReturnType<typeof detailedTask>) => void,
    onError: (error: unknown) => void,
  ) {
    this.#tasks = tasks;
    this.#owner = owner;
    this.#tell = tell;
    this.#onError = onError;
    this.#told = new Map(ids.map((id) => [id, 0]));
  }

  start(): void {
    this.#watch = this.#tasks.news.watch((changed) => {
      if ([...this.#told.keys()].some((id) => changed.includes("task", id))) this.#look();
    });
    this.#look();
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#told.clear();
    clearTimeout(this.#timer);
  }

  #look(): void {
    this.#looksAgain = true;
    if (!this.#looking) void this.#lookUntilQuiet();
  }

  async #lookUntilQuiet(): Promise<void> {
    this.#looking = true;
    clearTimeout(this.#timer);
    try {
      while (this.#looksAgain) {
        this.#looksAgain = false;
        const revisions = await this.#tasks.revisions([...this.#told.keys()]);
        for (const [id, revision] of revisions)
          if (revision > (this.#told.get(id) ?? Infinity)) await this.#show(id);
      }
    } catch (error) {
      this.#onError(error);
      if (this.#told.size > 0) this.#timer = setTimeout(() => this.#look(), RETRY_MS).unref();
    } finally {
      this.#looking = false; // not later: a change in between would be missed
    }
  }

  async #show(id: string): Promise<void> {
    const task = await this.#tasks.find(id, this.#owner);
    if (task === undefined || !this.#told.has(id)) return;
    this.#told.set(id, task.revision);
    if (hasEnded(task)) this.#told.delete(id);
    this.#tell(detailedTask(task));
  }
}
