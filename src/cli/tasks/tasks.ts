// `holdfast tasks`: lists, shows and cancels the tasks of all principals, also while the server runs.
import type { Data } from "../../app/data.ts";
import type { Settings } from "../../config/config.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { commandLine } from "../../lib/text/command-line.ts";
import type { Task, TaskView } from "../../tasks/task.ts";
import { type Column, table } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { oneLine } from "../terminal/text.ts";
import { localTime, relativeTime } from "../terminal/times.ts";
import { withData } from "../with-data.ts";

export interface TaskListFlags {
  principal?: string;
  open?: boolean;
  limit: number;
  json?: boolean;
}

export function listTasks(
  settings: Settings,
  { principal: owner, open, limit, json }: TaskListFlags,
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async ({ storage }) => {
    const page = await storage.tasks.list({ owner, open, limit: limit + 1 });
    const tasks = page.slice(0, limit);
    if (json) return terminal.print(JSON.stringify(tasks.map(shown)));
    if (tasks.length === 0) return terminal.print("There are no tasks.");
    for (const line of table(tasks, COLUMNS, terminal.output)) terminal.print(line);
    if (page.length > limit) terminal.print(`There are more: --limit ${limit * 2} shows them.`);
  });
}

export function showTask(
  settings: Settings,
  id: string,
  { json }: { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  return withData(settings, async (data) => {
    const task = await findTask(data, id);
    const { arguments: args, questions, result, error } = task;
    const all = { ...shown(task), arguments: args, questions, result, error };
    if (json) return terminal.print(JSON.stringify(all));
    for (const [name, value] of Object.entries(all)) {
      if (value === null || value === undefined) continue;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      terminal.print(`${name.padEnd(WIDTH)} ${oneLine(text)}`);
    }
  });
}

export function cancelTask(settings: Settings, id: string, terminal: Terminal): Promise<void> {
  return withData(settings, async (data) => {
    const { storage } = data;
    const task = await findTask(data, id);
    const how = await storage.tasks.cancel(task.id, undefined);
    if (how === "cancelled") return terminal.print(`Task ${task.id} is cancelled.`);
    if (how === "requested")
      return terminal.print(
        `Task ${task.id} runs: it was asked to stop, and ends when its tool does.`,
      );
    terminal.print(`Task ${task.id} had ended before.`);
  });
}

/** Width of the names in `show`. */
const WIDTH = 15;

/** @throws AppError `not_found` */
async function findTask({ storage }: Data, id: string): Promise<TaskView> {
  const task = await storage.tasks.find(id);
  if (task !== undefined) return task;
  throw new AppError("not_found", `There is no task ${JSON.stringify(id)}, or it has expired.`, {
    hint: `${commandLine("tasks list")} shows their ids.`,
  });
}

const shown = (task: Task) => ({
  id: task.id,
  principal: task.owner,
  session: task.sessionId,
  tool: task.tool,
  status: task.status,
  status_message: task.statusMessage,
  progress: task.progress,
  progress_total: task.progressTotal,
  attempt: task.attempt,
  created_at: isoTime(task.createdAt),
  updated_at: isoTime(task.updatedAt),
  expires_at: isoTime(task.expiresAt),
});

const COLUMNS: Column<Task>[] = [
  { head: "id", text: ({ id }) => id },
  { head: "tool", text: ({ tool }) => tool },
  { head: "principal", text: ({ owner }) => oneLine(owner), spare: 1 },
  { head: "status", text: ({ status }) => status },
  { head: "says", text: ({ statusMessage }) => oneLine(statusMessage ?? ""), flexible: true },
  { head: "created", text: ({ createdAt }) => localTime(createdAt), spare: 2 },
  { head: "changed", text: ({ updatedAt }) => relativeTime(updatedAt, Date.now()) },
];
