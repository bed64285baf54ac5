// Tasks: calls of tools that outlive their request.
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { TASK_STATUSES } from "../../../../tasks/task.ts";
import { sessions } from "./sessions.ts";

export const tasks = sqliteTable(
  "tasks",
  {
    id: text().primaryKey(),
    owner: text().notNull(),
    sessionId: text("session_id").references(() => sessions.id, { onDelete: "cascade" }),
    tool: text().notNull(),
    /** JSON. */
    arguments: text({ mode: "json" }).$type<unknown>().notNull(),
    /** JSON: the caller, for later runs. */
    origin: text({ mode: "json" }).$type<unknown>().notNull(),
    status: text({ enum: TASK_STATUSES }).notNull(),
    statusMessage: text("status_message"),
    progress: real(),
    progressTotal: real("progress_total"),
    /** JSON. */
    result: text(),
    /** JSON: a JSON-RPC error. */
    error: text(),
    /** JSON: the last value that the tool kept. */
    checkpoint: text(),
    /** Grows with each change that a reader can see. */
    revision: integer().notNull().default(1),
    /** Number of the run, which fences off the earlier ones. */
    attempt: integer().notNull().default(0),
    /** The process that runs it; null while it waits. Not a reference: the task of a dead process is lost, and not waiting. */
    instanceId: text("instance_id"),
    /** The process with a call that waits for it, while nobody else knows of it. */
    callerInstance: text("caller_instance"),
    /** Time from which it is to be run; null while it runs, or waits for an answer. */
    wakeAt: integer("wake_at"),
    cancelRequested: integer("cancel_requested", { mode: "boolean" }).notNull().default(false),
    createdAt: integer("created_at").notNull(),
    updatedAt: integer("updated_at").notNull(),
    expiresAt: integer("expires_at"),
    finishedAt: integer("finished_at"),
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
export const taskSteps = sqliteTable(
  "task_steps",
  {
    taskId: text("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    name: text().notNull(),
    kind: text({ enum: ["do", "ask", "sleep"] }).notNull(),
    /** Order in the task. */
    seq: integer().notNull(),
    /** JSON: the question. */
    request: text(),
    /** JSON: the result or the answer; the time of a sleep. Null while there is none. */
    result: text(),
    failures: integer().notNull().default(0),
    at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.taskId, t.name] })],
);
