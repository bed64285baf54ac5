// Access to tasks, decided in this one place: a task is its owner's, with credentials that may call its tool. Whoever may begin it
// may read, answer and cancel it, too.
import { may, type Principal, type Scope } from "../../auth/principal.ts";
import { AppError } from "../../lib/errors.ts";
import type { TaskFilter } from "../../tasks/store.ts";
import type { Task, TaskView } from "../../tasks/task.ts";
import type { Tasks } from "../../tasks/tasks.ts";

export class TaskAccess {
  readonly tasks: Tasks;
  readonly #scopeOf: (tool: string) => Scope;

  /** `scopeOf`: the scope that a task of this tool requires. */
  constructor(tasks: Tasks, scopeOf: (tool: string) => Scope) {
    this.tasks = tasks;
    this.#scopeOf = scopeOf;
  }

  /** The principal's task; undefined for an unknown one. @throws AppError `forbidden` */
  async find(id: string, principal: Principal): Promise<TaskView | undefined> {
    const task = await this.tasks.find(id, principal.id);
    if (task !== undefined) this.#check(task, principal);
    return task;
  }

  /** The principal's tasks, the newest first: a page, without those that these credentials may not read, and its last task. */
  async list(
    filter: Omit<TaskFilter, "owner">,
    principal: Principal,
  ): Promise<{ tasks: Task[]; last: Task | undefined; isCut: boolean }> {
    const { limit } = filter;
    const found = await this.tasks.list({ ...filter, owner: principal.id, limit: limit + 1 });
    const page = found.slice(0, limit);
    const tasks = page.filter((task) => this.#mayRead(task, principal));
    return { tasks, last: page.at(-1), isCut: found.length > limit };
  }

  /** Those of the ids that are tasks which the principal may read. */
  async readable(ids: readonly string[], principal: Principal): Promise<string[]> {
    const found = await Promise.all(ids.map((id) => this.tasks.find(id, principal.id)));
    return found.flatMap((task) =>
      task !== undefined && this.#mayRead(task, principal) ? [task.id] : [],
    );
  }

  /** Cancels the task, or asks its run to end: see TaskStore. @throws AppError `forbidden` */
  async cancel(id: string, principal: Principal) {
    const task = await this.find(id, principal);
    return task && this.tasks.cancel(id, principal.id);
  }

  #mayRead({ tool }: Pick<Task, "tool">, principal: Principal): boolean {
    return may(principal, this.#scopeOf(tool));
  }

  #check(task: Pick<Task, "tool">, principal: Principal): void {
    if (this.#mayRead(task, principal)) return;
    const scope = this.#scopeOf(task.tool);
    throw new AppError(
      "forbidden",
      `A task of ${task.tool} needs the scope ${scope}, as its calls do.`,
    );
  }
}
