// Statements on tasks and their steps.
import { and, asc, eq, sql } from "drizzle-orm";
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
import { lazily } from "../engine/statements.ts";
import { instances, tasks, taskSteps } from "../schema/schema.ts";

const { placeholder } = sql;

export type TaskRows = ReturnType<typeof taskRows>;

const byId = eq(tasks.id, placeholder("id"));
const now = sql`${placeholder("now")}`;
/** Conditions of tasks that the claimant runs. */
const mine = [
  sql`(${placeholder("only")} is null or tasks.id in (select value from json_each(${placeholder("only")})))`,
  sql`tasks.owner not in (select value from json_each(${placeholder("full")}))`,
];
const ofTools = sql`tasks.tool in (select value from json_each(${placeholder("tools")}))`;

/** Statements for all who look at tasks. */
export function taskRows({ db }: Engine) {
  return lazily({
    find: () => db.select().from(tasks).where(and(byId, taskAlive)).prepare(),
    any: () => db.select().from(tasks).where(byId).prepare(),
    steps: () =>
      db
        .select()
        .from(taskSteps)
        .where(eq(taskSteps.taskId, placeholder("id")))
        .orderBy(asc(taskSteps.seq))
        .prepare(),
    questions: () =>
      db
        .select({ name: taskSteps.name, request: taskSteps.request })
        .from(taskSteps)
        .where(and(eq(taskSteps.taskId, placeholder("id")), openQuestion))
        .orderBy(asc(taskSteps.seq))
        .prepare(),
    alive: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("id")))
        .prepare(),
    countOpen: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(tasks)
        .where(sql`tasks.owner = ${placeholder("owner")} and tasks.finished_at is null`)
        .prepare(),
    revisions: () =>
      db
        .select({ id: tasks.id, revision: tasks.revision })
        .from(tasks)
        .where(sql`tasks.id in (select value from json_each(${placeholder("ids")}))`)
        .prepare(),
    remove: () => db.delete(tasks).where(byId).prepare(),
  });
}

/** Statements for those who run tasks. */
export function dueRows({ db }: Engine) {
  return lazily({
    due: () =>
      db
        .select()
        .from(tasks)
        .where(and(dueTask, ofTools, taskInTime, ...mine))
        .orderBy(asc(tasks.wakeAt))
        .limit(MAX_ROWS)
        .prepare(),
    lost: () =>
      db
        .select()
        .from(tasks)
        .where(and(lostTask, ofTools, taskInTime, ...mine))
        .limit(MAX_ROWS)
        .prepare(),
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
        .limit(1)
        .prepare(),
    nextExpiry: () =>
      db
        .select({ at: sql<number | null>`min(tasks.expires_at)` })
        .from(tasks)
        .where(sql`tasks.finished_at is null and tasks.expires_at is not null`)
        .prepare(),
    overdue: () =>
      db.select({ id: tasks.id }).from(tasks).where(taskOverdue).limit(MAX_ROWS).prepare(),
    held: () =>
      db
        .select({ id: tasks.id, attempt: tasks.attempt, cancelRequested: tasks.cancelRequested })
        .from(tasks)
        .where(eq(tasks.instanceId, placeholder("instanceId")))
        .prepare(),
  });
}

/** Statements that change tasks. Those for a run check its claim. */
export function taskWrites({ db }: Engine) {
  return lazily({
    take: () => db.update(tasks).set(takenTask).where(byId).prepare(),
    isHeld: () => db.select().from(tasks).where(heldTask).prepare(),
    change: () =>
      db
        .update(tasks)
        .set({
          statusMessage: sql`coalesce(${placeholder("statusMessage")}, status_message)`,
          progress: sql`coalesce(${placeholder("progress")}, progress)`,
          progressTotal: sql`coalesce(${placeholder("progressTotal")}, progress_total)`,
          checkpoint: sql`coalesce(${placeholder("checkpoint")}, checkpoint)`,
          revision: sql`revision + ${placeholder("seen")}`,
          updatedAt: now,
        })
        .where(heldTask)
        .prepare(),
    /** After a question or an answer. */
    restate: () =>
      db
        .update(tasks)
        .set({
          status: openStatus,
          revision: sql`tasks.revision + 1`,
          updatedAt: now,
          wakeAt: sql`case when tasks.instance_id is null then ${placeholder("wakeAt")} else tasks.wake_at end`,
        })
        .where(byId)
        .prepare(),
    park: () =>
      db
        .update(tasks)
        .set({
          instanceId: null,
          wakeAt: sql`case when ${answeredCount} > ${placeholder("answered")} then ${now} else ${placeholder("until")} end`,
        })
        .where(heldTask)
        .prepare(),
    setSession: () =>
      db
        .update(tasks)
        .set({
          sessionId: sql`(select sessions.id from sessions where sessions.id = ${placeholder("sessionId")})`,
        })
        .where(heldTask)
        .prepare(),
    handOver: () => db.update(tasks).set({ callerInstance: null }).where(byId).prepare(),
    finish: () =>
      db
        .update(tasks)
        .set(endedTask)
        .where(and(byId, sql`tasks.finished_at is null`))
        .prepare(),
  });
}

/** Statements that change steps, or ask for a cancellation. */
export function stepWrites({ db }: Engine) {
  return lazily({
    requestCancel: () => db.update(tasks).set(cancelledTask).where(byId).prepare(),
    put: () =>
      db
        .insert(taskSteps)
        .values(newStep)
        .onConflictDoUpdate({
          target: [taskSteps.taskId, taskSteps.name],
          ...recordedAgain,
        })
        .prepare(),
    answer: () =>
      db
        .update(taskSteps)
        .set({ result: sql`${placeholder("result")}`, at: now })
        .where(and(questionOfRun, openQuestion))
        .prepare(),
    close: () =>
      db
        .update(taskSteps)
        .set({ result: closedResult, at: now })
        .where(questionOfRun)
        .returning({ result: taskSteps.result })
        .prepare(),
    drop: () =>
      db
        .delete(taskSteps)
        .where(eq(taskSteps.taskId, placeholder("id")))
        .prepare(),
  });
}
