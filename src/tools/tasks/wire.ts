// Tasks as the extension `io.modelcontextprotocol/tasks` (SEP-2663) writes them.
import { MissingRequiredClientCapabilityError } from "@modelcontextprotocol/server";
import { isoTime } from "../../lib/clock.ts";
import type { Task, TaskView } from "../../tasks/task.ts";
import type { TaskCreated } from "../results.ts";

export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

/** The error of a caller that has not declared the extension. */
export const missingTasks = (what = "This"): MissingRequiredClientCapabilityError =>
  new MissingRequiredClientCapabilityError(
    { requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } },
    `${what} needs the client capability extensions["${TASKS_EXTENSION}"].`,
  );

/** Suggested interval of looks, in milliseconds. */
const POLL_MS = 1_000;

const wireTask = (task: Task) => ({
  taskId: task.id,
  status: task.status,
  ...(task.statusMessage !== null && { statusMessage: task.statusMessage }),
  createdAt: isoTime(task.createdAt),
  lastUpdatedAt: isoTime(task.updatedAt),
  ttlMs: task.expiresAt === null ? null : task.expiresAt - task.createdAt,
  pollIntervalMs: POLL_MS,
});

/** The answer to the call that began the task: as it was then, because the answer may not ask or tell an outcome. */
export const createdTask = (task: Task): TaskCreated => ({
  ...wireTask(task),
  status: "working",
  resultType: "task",
});

/** `DetailedTask`: what `tasks/get` and `notifications/tasks` tell. */
export function detailedTask({ questions, result, error, ...task }: TaskView) {
  const isAsking = task.status === "input_required" && Object.keys(questions).length > 0;
  return {
    ...wireTask(task),
    // An answer may have come between two reads.
    ...(task.status === "input_required" && !isAsking && { status: "working" as const }),
    ...(isAsking && { inputRequests: questions }),
    ...(task.status === "completed" && { result }),
    ...(task.status === "failed" && { error }),
  };
}
