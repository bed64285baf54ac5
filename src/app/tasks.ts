// Composes tasks: who may look at them, who runs them, and the calls that become tasks.
import type { CredentialsLife } from "../clients/client-access.ts";
import type { Instances } from "../instances/instances.ts";
import { TaskNews } from "../tasks/news.ts";
import { TaskRunner } from "../tasks/runner.ts";
import { Tasks } from "../tasks/tasks.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { TaskExecutor } from "../tools/tasks/execute.ts";
import { TaskAccess } from "../tools/tasks/task-access.ts";
import { TaskCalls } from "../tools/tasks/task-calls.ts";
import type { Data } from "./data.ts";

export interface TaskParts {
  access: TaskAccess;
  runner: TaskRunner;
  calls: TaskCalls;
}

/** `registry`: made later, with the calls. */
export function buildTasks(
  { config, clock, storage, onError }: Data,
  instance: Instances,
  { registry, life }: { registry: () => ToolRegistry; life: CredentialsLife },
): TaskParts {
  const news = new TaskNews(storage.changes);
  const tasks = new Tasks(storage.tasks, news);
  const runner = new TaskRunner({
    store: storage.tasks,
    news,
    tools: new TaskExecutor(registry, life),
    instance,
    clock,
    maxTasks: config["max-tasks"],
    onError,
  });
  const calls = new TaskCalls({
    ...{ tasks, runner, clock },
    afterMs: config["task-after"],
    ttlMs: () => Math.min(config["task-age"], storage.maxAgeMs),
  });
  const access = new TaskAccess(tasks, (tool) => registry().taskScopeOf(tool));
  return { access, runner, calls };
}
