// `holdfast tasks`: its flags.
import { type Command, InvalidArgumentError } from "commander";
import { settingsOf, withDataSettings } from "../setting-flags.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { TaskListFlags } from "./tasks.ts";

export function addTaskCommands(program: Command, terminal: Terminal): void {
  const tasks = program.command("tasks").description("calls that outlive their request");
  withDataSettings(tasks.command("list").description("list the tasks, the newest first"))
    .option("--open", "only those that have not ended")
    .option("--principal <name>", "only those of this principal")
    .option("--limit <n>", "most tasks", readLimit, 50)
    .option("--json", "print JSON")
    .action(async (flags: TaskListFlags) =>
      (await import("./tasks.ts")).listTasks(settingsOf(flags), flags, terminal),
    );
  withDataSettings(
    tasks.command("show <id>").description("show a task, its questions and its result"),
  )
    .option("--json", "print JSON")
    .action(async (id: string, flags: { json?: boolean }) =>
      (await import("./tasks.ts")).showTask(settingsOf(flags), id, flags, terminal),
    );
  withDataSettings(
    tasks.command("cancel <id>").description("cancel a task; what it has done stays done"),
  ).action(async (id: string, flags: object) =>
    (await import("./tasks.ts")).cancelTask(settingsOf(flags), id, terminal),
  );
}

const MAX_LIMIT = 499;

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_LIMIT}.`);
}
