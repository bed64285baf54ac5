// Composes tasks: who may look at them, who runs them, the calls that become tasks, and the imports of files.
import type { CredentialsLife } from "../clients/client-access.ts";
import { FileImports } from "../imports/file-imports.ts";
import { ImportRuns } from "../imports/import-runs.ts";
import { Uploads } from "../imports/uploads.ts";
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
  imports: FileImports;
}

/** A packed file may hold so many times the bytes of the largest upload. */
const UNPACKED = 20;
/** Longest time in which the owner of a file has to say whether to import it. */
const ANSWER_MS = 86_400_000;

/** `registry`: made later, with the calls. */
export function buildTasks(
  { config, clock, storage, transfer, onError }: Data,
  instance: Instances,
  { registry, life }: { registry: () => ToolRegistry; life: CredentialsLife },
  closing: AsyncDisposableStack,
): TaskParts {
  const news = new TaskNews(storage.changes);
  const tasks = new Tasks(storage.tasks, news);
  const ttlMs = (): number => Math.min(config["task-age"], storage.maxAgeMs);
  const uploads = Uploads.of(config);
  if (config.ephemeral) closing.defer(() => uploads.removeAll());
  const runs = new ImportRuns({
    ...{ uploads, transfer, life, clock },
    tools: new TaskExecutor(registry, life),
    maxUnpackedBytes: UNPACKED * config["max-upload"],
    answerMs: () => Math.min(ANSWER_MS, ttlMs() / 2),
  });
  const runner = new TaskRunner({
    store: storage.tasks,
    news,
    tools: runs,
    instance,
    clock,
    maxTasks: config["max-tasks"],
    onError,
  });
  const calls = new TaskCalls({
    ...{ tasks, runner, clock },
    afterMs: config["task-after"],
    ttlMs,
  });
  const imports = new FileImports({
    ...{ uploads, runs, tasks, runner, clock, ttlMs, onError },
    sweepMs: config["cleanup-interval"],
  });
  const access = new TaskAccess(tasks, (tool) => registry().taskScopeOf(tool));
  return { access, runner, calls, imports };
}
