// The files that browsers bring in: each is the file of a task, which rehearses it, asks whether to import it, and does. A
// principal has one at a time. Any process may show a task; only a server with its file runs it.
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { shortened } from "../lib/text/text.ts";
import type { TaskRunner } from "../tasks/runner.ts";
import { hasEnded, type Task, type TaskView } from "../tasks/task.ts";
import type { Tasks } from "../tasks/tasks.ts";
import { rightsOf } from "../tools/tasks/origin.ts";
import { type FileArguments, type ImportRuns, isImport, QUESTION } from "./import-runs.ts";
import { IMPORT, type Uploads } from "./uploads.ts";

/** A file without a task is being received; a longer pause means that its process has died. */
const RECEIVE_MS = 3_600_000;
/** Time that a node has to return to its files. */
const RETURN_MS = 5 * 60_000;
const MAX_NAME_BYTES = 200;
/** Open imports that are looked at. */
const MOST = 499;

export interface FileImportsOptions {
  uploads: Uploads;
  runs: ImportRuns;
  tasks: Tasks;
  runner: TaskRunner;
  clock: Clock;
  /** Lifetime of a task, in milliseconds. */
  ttlMs(): number;
  /** Between two looks for what dead processes have left, in milliseconds. */
  sweepMs: number;
  onError(error: unknown): void;
}

type Owner = Pick<Principal, "id">;

export class FileImports {
  readonly #parts: FileImportsOptions;
  /** Principals whose file is coming. */
  readonly #receiving = new Set<string>();
  /** Ids of the tasks whose files are known to be here. */
  readonly #files = new Set<string>();
  #watch: Disposable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> = Promise.resolve();

  constructor(parts: FileImportsOptions) {
    this.#parts = parts;
  }

  /**
   * Makes room for a file of this principal. `release`: to be called when it has come, or not.
   * @throws AppError `busy` if one comes already
   */
  receive({ id: owner }: Owner): { id: string; path: string; release(): void } {
    if (this.#receiving.has(owner))
      throw new AppError("busy", "Another file of yours is being received: wait for it.");
    this.#receiving.add(owner);
    const id = newId();
    const path = this.#parts.uploads.pathOf(id);
    return { id, path, release: () => void this.#receiving.delete(owner) };
  }

  /** Makes the folder for files. To be called before `begin`. @throws AppError */
  prepare(): Promise<void> {
    return this.#parts.uploads.prepare();
  }

  /**
   * Begins the task of a file that has come, and then cancels the principal's earlier ones: a fault at the beginning leaves them.
   * @throws AppError, and the file is gone
   */
  async begin(principal: Principal, id: string, { file, format }: FileArguments): Promise<void> {
    const { uploads, tasks, runner, ttlMs } = this.#parts;
    const owner = principal.id;
    let earlier: readonly Task[];
    try {
      earlier = await tasks.list({ owner, toolPrefix: IMPORT, open: true, limit: MOST });
      this.#files.add(id);
      const task = {
        ...{ id, owner, sessionId: null, tool: uploads.tool!, ttlMs: ttlMs() },
        arguments: { file: shortened(file, MAX_NAME_BYTES), format } satisfies FileArguments,
        origin: rightsOf(principal),
      };
      await runner.begin(task, { waits: false });
    } catch (error) {
      await this.#remove(id);
      throw error;
    }
    for (const before of earlier) await tasks.cancel(before.id, owner);
  }

  /** The principal's last import; undefined without one. */
  async last({ id: owner }: Owner): Promise<TaskView | undefined> {
    const { tasks } = this.#parts;
    const [newest] = await tasks.list({ owner, toolPrefix: IMPORT, limit: 1 });
    return newest && tasks.find(newest.id, owner);
  }

  /** Imports what this task has rehearsed; false unless it waits for that. */
  async accept(principal: Owner, id: string): Promise<boolean> {
    if (!(await this.#has(principal, id))) return false;
    const answer = { [QUESTION]: { action: "accept", content: {} } };
    const names = await this.#parts.tasks.answer(id, principal.id, answer);
    return names !== undefined && names.length > 0;
  }

  /** Stops this import; false if it has ended. Sessions that are in stay. */
  async stop(principal: Owner, id: string): Promise<boolean> {
    if (!(await this.#has(principal, id))) return false;
    const how = await this.#parts.tasks.cancel(id, principal.id);
    return how === "cancelled" || how === "requested";
  }

  /** True if this is an import of the principal. */
  async #has({ id: owner }: Owner, id: string): Promise<boolean> {
    const task = await this.#parts.tasks.find(id, owner);
    return task !== undefined && isImport(task.tool);
  }

  /** From now on, removes the files of tasks that have ended, and what dead processes have left. */
  open(): void {
    const { tasks, sweepMs } = this.#parts;
    this.#watch = tasks.news.watch((changed) => {
      for (const id of this.#files) if (changed.includes("task", id)) this.#after(id);
    });
    const sweep = (): void => this.#do(() => this.#sweep());
    this.#timer = setInterval(sweep, sweepMs).unref();
    sweep();
  }

  /** The files of open tasks stay: a later process goes on with them. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch?.[Symbol.dispose]();
    await this.#working;
  }

  #do(act: () => Promise<void>): void {
    this.#working = this.#working.then(act).catch(this.#parts.onError);
  }

  /** Removes the file of this task if the task has ended. */
  #after(id: string): void {
    this.#do(async () => {
      if (!this.#files.has(id)) return;
      const task = await this.#parts.tasks.find(id);
      if (task !== undefined && hasEnded(task)) await this.#remove(id);
    });
  }

  async #sweep(): Promise<void> {
    const { uploads, tasks, runs, runner, clock } = this.#parts;
    if (uploads.tool === undefined) {
      await uploads.find();
      runner.look(); // for what an earlier process of this folder has left
    }
    for (const { id, changedAt } of await uploads.list()) {
      const task = await tasks.find(id);
      const isStray = task ? hasEnded(task) : changedAt < clock.now() - RECEIVE_MS;
      if (isStray) await this.#remove(id);
      else if (task !== undefined) this.#files.add(id);
    }
    const open = await tasks.list({ toolPrefix: IMPORT, open: true, limit: MOST });
    const left = open.filter(({ updatedAt }) => updatedAt < clock.now() - RETURN_MS);
    runs.orphans = new Set(left.map(({ tool }) => tool).filter((tool) => tool !== uploads.tool));
    if (runs.orphans.size > 0) await runner.looked();
    runs.orphans = new Set();
  }

  async #remove(id: string): Promise<void> {
    this.#files.delete(id);
    await this.#parts.uploads.remove(id);
  }
}
