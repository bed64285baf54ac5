// Rules and conditions of tasks that hold on every engine.
import { type SQL, sql } from "drizzle-orm";
import { AppError } from "../../lib/errors.ts";
import type { Claimant, ClaimedTask, Step } from "../../tasks/store.ts";
import type { Task, TaskStatus, TaskView } from "../../tasks/task.ts";

const { placeholder } = sql;

/** Maximum number of tasks that are claimed, or listed, at once. */
export const MAX_ROWS = 500;

export const tooManyTasks = (max: number): AppError =>
  new AppError("limit", `You have ${max} tasks that have not ended: nothing was begun.`, {
    hint: "Wait for one, or cancel one that is no longer needed; the setting max-tasks allows more.",
  });

// These conditions write columns with their tables, as those in expiry.ts do.

/** A task whose run has the claim. */
export const heldTask: SQL = sql`tasks.id = ${placeholder("id")} and tasks.instance_id = ${placeholder("instanceId")}
  and tasks.attempt = ${placeholder("attempt")} and tasks.finished_at is null`;

/** A task that waits for a run, or for a time that has come. */
export const dueTask: SQL = sql`tasks.instance_id is null and tasks.wake_at <= ${placeholder("now")}`;

/** A task that a dead process has left. */
export const lostTask: SQL = sql`tasks.instance_id is not null
  and not exists (select 1 from instances where instances.id = tasks.instance_id)`;

/** A task that may still be run. */
export const taskInTime: SQL = sql`(tasks.expires_at is null or tasks.expires_at > ${placeholder("passed")})`;

/** A task that is there: an open one that has expired is there to fail. */
export const taskAlive: SQL = sql`(tasks.finished_at is null or ${taskInTime})`;

export const taskExpired: SQL = sql`tasks.expires_at <= ${placeholder("passed")} and tasks.finished_at is not null`;

/** An open task that has to fail. */
export const taskOverdue: SQL = sql`tasks.expires_at <= ${placeholder("passed")} and tasks.finished_at is null`;

const now = sql`${placeholder("now")}`;
const nextRevision = sql`tasks.revision + 1`;

/** Columns of a task that a new run gets. */
export const takenTask = {
  instanceId: sql`${placeholder("instanceId")}`,
  attempt: sql`tasks.attempt + 1`,
  wakeAt: null,
};

/** Columns of a task that somebody wants cancelled. */
export const cancelledTask = { cancelRequested: true, revision: nextRevision, updatedAt: now };

/** Columns of a task that ends. It is kept for as long as it had to end. */
export const endedTask = {
  status: sql`${placeholder("status")}`,
  statusMessage: sql`${placeholder("statusMessage")}`,
  result: sql`${placeholder("result")}`,
  error: sql`${placeholder("error")}`,
  ...{ checkpoint: null, instanceId: null, callerInstance: null, wakeAt: null },
  ...{ revision: nextRevision, updatedAt: now, finishedAt: now },
  expiresAt: sql`tasks.expires_at - tasks.created_at + ${placeholder("now")}`,
};

export const isOverdue = ({ expiresAt, finishedAt }: TaskRow, passed: number): boolean =>
  finishedAt === null && expiresAt !== null && expiresAt <= passed;

/** A task of a tool whose name begins so. */
export const toolBegins = (prefix: string | undefined): SQL | undefined =>
  prefix === undefined ? undefined : sql`substr(tasks.tool, 1, ${prefix.length}) = ${prefix}`;

/** A question without an answer. */
export const openQuestion: SQL = sql`task_steps.kind = 'ask' and task_steps.result is null`;

/** The status of a task that has not ended. */
export const openStatus: SQL<TaskStatus> = sql`case when exists (select 1 from task_steps
    where task_steps.task_id = tasks.id and ${openQuestion})
  then 'input_required' else 'working' end`;

export const answeredCount: SQL<number> = sql`(select count(*) from task_steps
  where task_steps.task_id = tasks.id and task_steps.kind = 'ask' and task_steps.result is not null)`;

/** A question of the task, by its name. */
export const questionOfRun: SQL = sql`task_steps.task_id = ${placeholder("id")} and task_steps.name = ${placeholder("name")}
  and task_steps.kind = 'ask'`;

/** The answer that came before a question is closed, else none: JSON's null. */
export const closedResult: SQL<string> = sql`coalesce(task_steps.result, 'null')`;

/** Columns of a new step, which has the next number. */
export const newStep = {
  taskId: placeholder("taskId"),
  name: placeholder("name"),
  kind: placeholder("kind"),
  seq: sql`(select coalesce(max(task_steps.seq), 0) + 1 from task_steps
    where task_steps.task_id = ${placeholder("taskId")})`,
  request: placeholder("request"),
  result: placeholder("result"),
  failures: placeholder("failures"),
  at: placeholder("at"),
};

/** The change of a step that is recorded again. An answer stays what it is. */
export const recordedAgain = {
  set: {
    request: sql`excluded.request`,
    result: sql`excluded.result`,
    failures: sql`excluded.failures`,
    at: sql`excluded.at`,
  },
  setWhere: sql`task_steps.kind <> 'ask'`,
};

export interface TaskRow extends Task {
  arguments: unknown;
  origin: unknown;
  result: string | null;
  error: string | null;
  checkpoint: string | null;
  instanceId: string | null;
  callerInstance: string | null;
  cancelRequested: boolean;
  finishedAt: number | null;
}

export type StepRow = Required<Step>;

export const taskOf = (row: TaskRow): Task => ({
  id: row.id,
  owner: row.owner,
  sessionId: row.sessionId,
  tool: row.tool,
  status: row.status,
  statusMessage: row.statusMessage,
  progress: row.progress,
  progressTotal: row.progressTotal,
  revision: row.revision,
  attempt: row.attempt,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  expiresAt: row.expiresAt,
});

/** `questions`: without an answer, in their order. */
export const viewOf = (
  row: TaskRow,
  questions: readonly Pick<StepRow, "name" | "request">[],
): TaskView => ({
  ...taskOf(row),
  arguments: row.arguments,
  questions: Object.fromEntries(
    questions.map(({ name, request }) => [name, JSON.parse(request!) as unknown]),
  ),
  ...(row.result !== null && { result: JSON.parse(row.result) as unknown }),
  ...(row.error !== null && { error: JSON.parse(row.error) as unknown }),
});

/** The task as the new run of `instanceId` gets it. `row`: as it was before. */
export const claimedOf = (
  row: TaskRow,
  instanceId: string,
  steps: readonly StepRow[],
  { callerIsAlive }: { callerIsAlive: boolean },
): ClaimedTask => ({
  claim: { id: row.id, instanceId, attempt: row.attempt + 1 },
  owner: row.owner,
  sessionId: row.sessionId,
  tool: row.tool,
  createdAt: row.createdAt,
  expiresAt: row.expiresAt,
  arguments: row.arguments,
  origin: row.origin,
  checkpoint: row.checkpoint,
  cancelRequested: row.cancelRequested,
  steps,
  lost: row.instanceId !== null,
  orphaned: row.callerInstance !== null && !callerIsAlive,
});

/** Owners of whom this process runs no more. */
export const fullOwners = ({ running, each }: Claimant): string[] =>
  Object.keys(running).filter((owner) => running[owner]! >= each);

/** The first `max` of these tasks, with no owner having more than the claimant's bound. */
export function fairly<Row extends Pick<Task, "owner">>(
  rows: readonly Row[],
  { running, each }: Claimant,
  max: number,
): Row[] {
  const counts = new Map(Object.entries(running));
  const chosen = rows.filter(({ owner }) => {
    const n = (counts.get(owner) ?? 0) + 1;
    counts.set(owner, n);
    return n <= each;
  });
  return chosen.slice(0, max);
}

/** The earlier of two times. */
export const earlier = (a: number | null | undefined, b: number | null | undefined) =>
  a == null ? (b ?? undefined) : Math.min(a, b ?? Infinity);

/** The values of a new row. */
export const newRow = (
  task: Pick<Task, "id" | "owner" | "sessionId" | "tool"> & {
    arguments: unknown;
    origin: unknown;
    ttlMs: number;
  },
  by: { instanceId: string; runs: boolean; waits: boolean },
  now: number,
) => ({
  id: task.id,
  owner: task.owner,
  sessionId: task.sessionId,
  tool: task.tool,
  arguments: task.arguments,
  origin: task.origin,
  status: "working" as const,
  attempt: by.runs ? 1 : 0,
  instanceId: by.runs ? by.instanceId : null,
  callerInstance: by.waits ? by.instanceId : null,
  wakeAt: by.runs ? null : now,
  createdAt: now,
  updatedAt: now,
  expiresAt: task.ttlMs === Infinity ? null : Math.floor(now + task.ttlMs),
});
