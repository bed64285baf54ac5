// The port for tasks. A run holds a claim, and everything that it writes is checked against the claim in the statement that
// writes: a process that was taken for dead changes nothing any more. Not here: the running of tools (runner.ts).
import type { Expiring } from "../lib/expiring.ts";
import type { RpcError } from "../protocol/errors.ts";
import type { Task, TaskStatus, TaskView } from "./task.ts";

/** In place of a task's id, in changes: some task is due, or a process has left one. */
export const DUE = "due";

export interface NewTask extends Pick<Task, "id" | "owner" | "sessionId" | "tool"> {
  arguments: unknown;
  /** All else that a run needs of the call, as JSON. */
  origin: unknown;
  /** Time after its creation in which it has to end, and for which it is kept then, in milliseconds; `Infinity` for ever. */
  ttlMs: number;
}

/** The right of one run to write. `attempt` is the fencing number: a later run has a higher one. */
export interface Claim {
  id: string;
  instanceId: string;
  attempt: number;
}

/** A task that this process has to run. */
export interface ClaimedTask extends Pick<
  Task,
  "owner" | "sessionId" | "tool" | "createdAt" | "expiresAt"
> {
  claim: Claim;
  arguments: unknown;
  origin: unknown;
  /** Last value of `checkpoint`, as JSON text. */
  checkpoint: string | null;
  steps: readonly Step[];
  /** True if an earlier run died. */
  lost: boolean;
  /** True if a call in a process that died had waited for the task, and nobody else knows of it. */
  orphaned: boolean;
  /** True if somebody wants it cancelled. */
  cancelRequested: boolean;
}

/** Something that a handler did or waited for, by a name that is unique in the task. */
export interface Step {
  /** `do`: a piece of work. `ask`: a question. `sleep`: until the time in `result`. */
  kind: "do" | "ask" | "sleep";
  name: string;
  /** JSON text: the question; of work that has failed, the time of its next attempt, or its last error. */
  request?: string | null;
  /** JSON text of the result or the answer; null for work that has failed so far, and for a question without an answer. */
  result: string | null;
  /** Number of failures so far. */
  failures: number;
}

/** The end of a task. The texts are JSON. */
export interface TaskEnd {
  status: Exclude<TaskStatus, "working" | "input_required">;
  statusMessage?: string | undefined;
  result?: string | undefined;
  error?: string | undefined;
}

/** The end of a task with a JSON-RPC error. */
export const failedWith = ({ code, message, data }: RpcError): TaskEnd => ({
  status: "failed",
  statusMessage: message,
  error: JSON.stringify({ code, message, ...(data !== undefined && { data }) }),
});

/** Changes that a run reports. */
export interface TaskChange {
  statusMessage?: string;
  progress?: number;
  progressTotal?: number | undefined;
  /** JSON text. */
  checkpoint?: string;
}

export interface TaskFilter {
  owner?: string | undefined;
  sessionId?: string | undefined;
  /** Beginning of the tool's name. */
  toolPrefix?: string | undefined;
  /** True for tasks that have not ended only. */
  open?: boolean | undefined;
  limit: number;
  /** The last task of the page before. */
  after?: Pick<Task, "createdAt" | "id"> | undefined;
}

/** The process that begins a task: it runs it if it `runs`, and a call in it waits for the end if one `waits`. */
export interface Beginner {
  instanceId: string;
  runs: boolean;
  waits: boolean;
}

/** A process that runs tasks of these tools. */
export interface Claimant {
  instanceId: string;
  tools: readonly string[];
  /** The only tasks that it runs, which calls in it wait for; undefined for any. */
  only?: readonly string[] | undefined;
  /** Number of tasks that it runs already, by owner, and the most of one owner. */
  running: Readonly<Record<string, number>>;
  each: number;
}

export interface TaskStore extends Expiring {
  /**
   * Stores a task; its claim goes to a beginner that runs it, and any process may run it otherwise. A task of that id stays as it
   * is, unless it has failed (see `hasFailed`): then the new one takes its place. `unregistered`: the instance is, and nothing
   * was stored.
   * @throws AppError `limit` for one open task too many of the owner, or without room; `not_found` without the session
   */
  create(
    task: NewTask,
    by: Beginner,
    max: number,
  ): Promise<{ task: Task; claimed?: ClaimedTask } | "unregistered">;
  /** The task; undefined when unknown, expired, or another owner's. Any owner's without `owner`. */
  find(id: string, owner?: string): Promise<TaskView | undefined>;
  /** Tasks, the newest first. */
  list(filter: TaskFilter): Promise<Task[]>;
  /** The revision of each of these tasks that is there. */
  revisions(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Takes tasks that are due, and those that a dead process has left. `unregistered`: as in `create`. */
  claim(by: Claimant, max: number): Promise<ClaimedTask[] | "unregistered">;
  /** The time at which the next task is due, or may be found expired; undefined if none will by itself. */
  nextDue(by: Claimant): Promise<number | undefined>;
  /** The claims of an instance that still hold; `cancelRequested`: somebody wants the task cancelled. */
  held(instanceId: string): Promise<(Claim & Pick<ClaimedTask, "cancelRequested">)[]>;

  /** Ends open tasks that have expired, also those that run; resolves to their ids. There may be more. */
  expire(end: TaskEnd): Promise<string[]>;

  // The following write for a run; false without the claim, and then they have changed nothing.

  /** `durable: false` resolves before the change survives a power loss. @throws AppError `limit` without room */
  change(claim: Claim, change: TaskChange, options?: { durable: boolean }): Promise<boolean>;
  /** Records steps, in place of earlier ones of their names. Questions make it `input_required`. @throws AppError `limit` */
  record(claim: Claim, steps: readonly Step[]): Promise<boolean>;
  /**
   * Ends a run that waits: until a time, or for an answer. A task that got an answer since the run began (it has more than
   * `answered` of them) is due at once, and one that somebody wants cancelled is cancelled.
   */
  park(claim: Claim, until: number | null, answered: number): Promise<boolean>;
  /**
   * Closes a question; resolves to the answer that came before, else to `null`, as JSON text; to undefined without the claim or
   * the question.
   */
  closeQuestion(claim: Claim, name: string): Promise<string | undefined>;
  /** Notes the session that the run has opened. */
  setSession(claim: Claim, sessionId: string): Promise<boolean>;
  /** Gives the task to whoever wants to run it next. */
  release(claim: Claim): Promise<boolean>;
  /** Ends the task, even on a full disk. */
  finish(claim: Claim, end: TaskEnd): Promise<boolean>;

  // The following are for those who wait.

  /** Notes that others than the beginner's call know of the task. */
  handOver(id: string): Promise<void>;
  /**
   * Stores answers, as JSON text by the names of the questions; resolves to the names that were open, and undefined for an
   * unknown task.
   * @throws AppError `limit` without room
   */
  answer(
    id: string,
    owner: string | undefined,
    answers: Readonly<Record<string, string>>,
  ): Promise<string[] | undefined>;
  /**
   * Cancels the task, or asks its run to end. `ended`: it had ended before.
   * Undefined for an unknown task.
   */
  cancel(
    id: string,
    owner: string | undefined,
  ): Promise<"cancelled" | "requested" | "ended" | undefined>;
}
