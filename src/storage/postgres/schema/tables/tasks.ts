// Tasks: calls of tools that outlive their request.
import { sql } from "drizzle-orm";
import { boolean, doublePrecision, index, pgTable, primaryKey } from "drizzle-orm/pg-core";
import type { TaskStatus } from "../../../../tasks/task.ts";
import { json, number, text } from "../columns.ts";
import { sessions } from "./sessions.ts";

export const tasks = pgTable(
  "tasks",
  {
    id: text().primaryKey(),
    owner: text().notNull(),
    sessionId: text("session_id").references(() => sessions.id, { onDelete: "cascade" }),
    tool: text().notNull(),
    /** JSON. */
    arguments: json<unknown>().notNull(),
    /** JSON: the caller, for later runs. */
    origin: json<unknown>().notNull(),
    status: text().$type<TaskStatus>().notNull(),
    statusMessage: text("status_message"),
    progress: doublePrecision(),
    progressTotal: doublePrecision("progress_total"),
    /** JSON. */
    result: text(),
    /** JSON: a JSON-RPC error. */
    error: text(),
    /** JSON: the last value that the tool kept. */
    checkpoint: text(),
    /** Grows with each change that a reader can see. */
    revision: number().notNull().default(1),
    /** Number of the run, which fences off the earlier ones. */
    attempt: number().notNull().default(0),
    /** The process that runs it; null while it waits. Not a reference: the task of a dead process is lost, and not waiting. */
    instanceId: text("instance_id"),
    /** The process with a call that waits for it, while nobody else knows of it. */
    callerInstance: text("caller_instance"),
    /** Time from which it is to be run; null while it runs, or waits for an answer. */
    wakeAt: number("wake_at"),
    cancelRequested: boolean("cancel_requested").notNull().default(false),
    createdAt: number("created_at").notNull(),
    updatedAt: number("updated_at").notNull(),
    expiresAt: number("expires_at"),
    finishedAt: number("finished_at"),
  },
  (t) => [
    index("tasks_owner").on(t.owner, t.createdAt, t.id),
    index("tasks_created").on(t.createdAt, t.id),
    index("tasks_session").on(t.sessionId),
    index("tasks_open")
      .on(t.owner)
      .where(sql`finished_at is null`),
    index("tasks_due")
      .on(t.wakeAt)
      .where(sql`wake_at is not null`),
    index("tasks_running")
      .on(t.instanceId)
      .where(sql`instance_id is not null`),
    index("tasks_open_expiry")
      .on(t.expiresAt)
      .where(sql`finished_at is null and expires_at is not null`),
    index("tasks_expiry")
      .on(t.expiresAt)
      .where(sql`expires_at is not null`),
  ],
);

/** What the handler of a task has done, asked or waited for. A later run does not do it again. */
export const taskSteps = pgTable(
  "task_steps",
  {
    taskId: text("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    name: text().notNull(),
    kind: text().$type<"do" | "ask" | "sleep">().notNull(),
    /** Order in the task. */
    seq: number().notNull(),
    /** JSON: the question. */
    request: text(),
    /** JSON: the result or the answer; the time of a sleep. Null while there is none. */
    result: text(),
    failures: number().notNull().default(0),
    at: number().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.name] })],
);
