// Statements on tasks and their steps.
import { and, asc, eq, sql } from "drizzle-orm";
import { HIDDEN } from "../../shared/expiry.ts";
import {
  answeredCount,
  cancelledTask,
  closedResult,
  dueTask,
  endedTask,
  heldTask,
  lostTask,
  MAX_ROWS,
  newStep,
  openQuestion,
  openStatus,
  questionOfRun,
  recordedAgain,
  takenTask,
  taskAlive,
  taskInTime,
  taskOverdue,
} from "../../shared/tasks.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { instances, sessions, tasks, taskSteps } from "../schema/schema.ts";

const { placeholder } = sql;

export type TaskRows = ReturnType<typeof taskRows>;

const byId = eq(tasks.id, placeholder("id"));
const now = sql`${placeholder("now")}`;
/** Conditions of tasks that the claimant runs. */
const mine = [
  sql`(${placeholder("only")}::text[] is null or tasks.id = any(${placeholder("only")}::text[]))`,
  sql`tasks.owner <> all(${placeholder("full")}::text[])`,
];
const ofTools = sql`tasks.tool = any(${placeholder("tools")}::text[])`;

/** Statements for all who look at tasks. */
export function taskRows({ db }: Engine) {
  return prepared({
    find: () => db.select().from(tasks).where(and(byId, taskAlive)),
    lock: () => db.select().from(tasks).where(byId).for("update"),
    steps: () =>
      db
        .select()
        .from(taskSteps)
        .where(eq(taskSteps.taskId, placeholder("id")))
        .orderBy(asc(taskSteps.seq)),
    questions: () =>
      db
        .select({ name: taskSteps.name, request: taskSteps.request })
        .from(taskSteps)
        .where(and(eq(taskSteps.taskId, placeholder("id")), openQuestion))
        .orderBy(asc(taskSteps.seq)),
    alive: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("id"))),
    /** The instance, which others cannot take for dead before the commit. */
    holdInstance: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("instanceId")))
        .for("key share"),
    holdSession: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          sql`sessions.id = ${placeholder("id")} and sessions.last_active_at <> ${sql.raw(String(HIDDEN))}`,
        )
        .for("key share"),
    countOpen: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(tasks)
        .where(sql`tasks.owner = ${placeholder("owner")} and tasks.finished_at is null`),
    revisions: () =>
      db
        .select({ id: tasks.id, revision: tasks.revision })
        .from(tasks)
        .where(sql`tasks.id = any(${placeholder("ids")}::text[])`),
    remove: () => db.delete(tasks).where(byId),
  });
}

/** Statements for those who run tasks. */
export function dueRows({ db }: Engine) {
  return prepared({
    someDue: () =>
      db
        .select({ id: tasks.id })
        .from(tasks)
        .where(and(dueTask, ofTools, taskInTime, ...mine))
        .limit(1),
    someLost: () =>
      db
        .select({ id: tasks.id })
        .from(tasks)
        .where(and(lostTask, ofTools, taskInTime, ...mine))
        .limit(1),
    due: () =>
      db
        .select()
        .from(tasks)
        .where(and(dueTask, ofTools, taskInTime, ...mine))
        .orderBy(asc(tasks.wakeAt))
        .limit(placeholder("max"))
        .for("update", { skipLocked: true }),
    lost: () =>
      db
        .select()
        .from(tasks)
        .where(and(lostTask, ofTools, taskInTime, ...mine))
        .limit(placeholder("max"))
        .for("update", { of: tasks, skipLocked: true }),
    next: () =>
      db
        .select({ wakeAt: tasks.wakeAt })
        .from(tasks)
        .where(
          and(
            sql`tasks.instance_id is null and tasks.wake_at is not null`,
            ...[ofTools, taskInTime, ...mine],
          ),
        )
        .orderBy(asc(tasks.wakeAt))
        .limit(1),
    nextExpiry: () =>
      db
        .select({ at: sql<number | null>`min(tasks.expires_at)`.mapWith(tasks.expiresAt) })
        .from(tasks)
        .where(sql`tasks.finished_at is null and tasks.expires_at is not null`),
    someOverdue: () => db.select({ id: tasks.id }).from(tasks).where(taskOverdue).limit(1),
    overdue: () =>
      db
        .select({ id: tasks.id })
        .from(tasks)
        .where(taskOverdue)
        .limit(MAX_ROWS)
        .for("update", { skipLocked: true }),
    held: () =>
      db
        .select({ id: tasks.id, attempt: tasks.attempt, cancelRequested: tasks.cancelRequested })
        .from(tasks)
        .where(eq(tasks.instanceId, placeholder("instanceId"))),
  });
}

/** Statements that change tasks. Those for a run check its claim. */
export function taskWrites({ db }: Engine) {
  return prepared({
    take: () => db.update(tasks).set(takenTask).where(byId),
    /** The lock of a run that writes: whoever claims the task waits, and comes before the next write. */
    hold: () => db.select().from(tasks).where(heldTask).for("no key update"),
    change: () =>
      db
        .update(tasks)
        .set({
          statusMessage: sql`coalesce(${placeholder("statusMessage")}, tasks.status_message)`,
          progress: sql`coalesce(${placeholder("progress")}, tasks.progress)`,
          progressTotal: sql`coalesce(${placeholder("progressTotal")}, tasks.progress_total)`,
          checkpoint: sql`coalesce(${placeholder("checkpoint")}, tasks.checkpoint)`,
          revision: sql`tasks.revision + ${placeholder("seen")}::bigint`,
          updatedAt: now,
        })
        .where(heldTask),
    /** After a question or an answer. */
    restate: () =>
      db
        .update(tasks)
        .set({
          status: openStatus,
          revision: sql`tasks.revision + 1`,
          updatedAt: now,
          wakeAt: sql`case when tasks.instance_id is null then ${placeholder("wakeAt")}::bigint else tasks.wake_at end`,
        })
        .where(byId),
    park: () =>
      db
        .update(tasks)
        .set({
          instanceId: null,
          wakeAt: sql`case when ${answeredCount} > ${placeholder("answered")}::bigint then ${now}::bigint else ${placeholder("until")}::bigint end`,
        })
        .where(heldTask),
    setSession: () =>
      db
        .update(tasks)
        .set({
          sessionId: sql`(select sessions.id from sessions where sessions.id = ${placeholder("sessionId")})`,
        })
        .where(heldTask),
    handOver: () => db.update(tasks).set({ callerInstance: null }).where(byId),
    requestCancel: () => db.update(tasks).set(cancelledTask).where(byId),
    finish: () =>
      db
        .update(tasks)
        .set(endedTask)
        .where(and(byId, sql`tasks.finished_at is null`)),
  });
}

/** Statements that change steps. */
export function stepWrites({ db }: Engine) {
  return prepared({
    put: () =>
      db
        .insert(taskSteps)
        .values(newStep)
        .onConflictDoUpdate({
          target: [taskSteps.taskId, taskSteps.name],
          ...recordedAgain,
        }),
    answer: () =>
      db
        .update(taskSteps)
        .set({ result: sql`${placeholder("result")}`, at: now })
        .where(and(questionOfRun, openQuestion)),
    close: () =>
      db
        .update(taskSteps)
        .set({ result: closedResult, at: now })
        .where(questionOfRun)
        .returning({ result: taskSteps.result }),
    drop: () => db.delete(taskSteps).where(eq(taskSteps.taskId, placeholder("id"))),
  });
}
