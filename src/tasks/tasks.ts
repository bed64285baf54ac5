// Tasks for those who did not begin them: to look, to answer, to cancel.
import type { TaskNews } from "./news.ts";
import { DUE, type TaskFilter, type TaskStore } from "./store.ts";
import type { Task, TaskView } from "./task.ts";

export class Tasks {
  readonly news: TaskNews;
  readonly #store: TaskStore;

  constructor(store: TaskStore, news: TaskNews) {
    this.#store = store;
    this.news = news;
  }

  /** The task of this owner, or of any without one; undefined for an unknown task. */
  find(id: string, owner?: string): Promise<TaskView | undefined> {
    return this.#store.find(id, owner);
  }

  /** The newest first. */
  list(filter: TaskFilter): Promise<Task[]> {
    return this.#store.list(filter);
  }

  /** See TaskStore. */
  revisions(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#store.revisions(ids);
  }

  /**
   * Answers questions by their names; resolves to the names that were open, and undefined for an unknown task.
   * @throws AppError `limit` without room
   */
  async answer(
    id: string,
    owner: string | undefined,
    answers: Readonly<Record<string, unknown>>,
  ): Promise<string[] | undefined> {
    const texts: Record<string, string> = {};
    for (const [name, answer] of Object.entries(answers)) texts[name] = JSON.stringify(answer);
    const names = await this.#store.answer(id, owner, texts);
    if (names !== undefined && names.length > 0) this.news.changed(id, DUE);
    return names;
  }

  /** Cancels the task, or asks its run to end: see TaskStore. */
  async cancel(id: string, owner: string | undefined) {
    const how = await this.#store.cancel(id, owner);
    if (how === "cancelled" || how === "requested") this.news.changed(id);
    return how;
  }

  /** See TaskStore. */
  handOver(id: string): Promise<void> {
    return this.#store.handOver(id);
  }
}
