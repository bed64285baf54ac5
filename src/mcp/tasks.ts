// The extension `io.modelcontextprotocol/tasks` (SEP-2663): tasks/get, tasks/update and tasks/cancel, for the owner of a task.
// Not here: the calls that become tasks (../tools/tasks/), notifications (modern/listen-streams.ts).
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  ProtocolError,
  ProtocolErrorCode,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Principal } from "../auth/principal.ts";
import { AppError } from "../lib/errors.ts";
import type { Caller } from "../sessions/session.ts";
import { checkAnswers } from "../tools/tasks/answers.ts";
import type { TaskAccess } from "../tools/tasks/task-access.ts";
import { detailedTask, missingTasks, TASKS_EXTENSION } from "../tools/tasks/wire.ts";

const TaskParams = z.looseObject({ taskId: z.string() });

/** True if the request's envelope declares the extension. */
export function takesTasks(envelope: object | undefined): boolean {
  const meta = (envelope ?? {}) as Record<string, unknown>;
  const capabilities = meta[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined;
  return capabilities?.extensions?.[TASKS_EXTENSION] !== undefined;
}

/** Runs the handler of a method, and keeps what a defect says to itself. */
type Guard = <T>(method: string, context: ServerContext, answer: () => Promise<T>) => Promise<T>;

/** For servers of 2026-07-28: the 2025 revisions have other methods of these names. */
export function offerTasks(
  server: Server,
  access: TaskAccess,
  callerOf: (context: ServerContext) => Caller,
  guard: Guard,
): void {
  const principalOf = (context: ServerContext): Principal => {
    if (!takesTasks(context.mcpReq.envelope)) throw missingTasks();
    return callerOf(context).principal;
  };
  const offer = (
    method: "tasks/get" | "tasks/update" | "tasks/cancel",
    answer: (taskId: string, context: ServerContext) => Promise<object>,
  ): void =>
    server.setRequestHandler(method, { params: TaskParams }, ({ taskId }, context) =>
      guard(method, context, async () => ({ ...(await answer(taskId, context)) })),
    );
  offer("tasks/get", async (taskId, context) => {
    const task = await access.find(taskId, principalOf(context));
    if (task === undefined) throw unknownTask(taskId);
    return detailedTask(task);
  });
  offer("tasks/update", async (taskId, context) => {
    const principal = principalOf(context);
    const task = await access.find(taskId, principal);
    if (task === undefined) throw unknownTask(taskId);
    const sent = context.mcpReq.inputResponses ?? {};
    const answers = await checkAnswers(task.questions, sent).catch((error: unknown) => {
      throw error instanceof AppError ? invalid(error.advice) : error;
    });
    await access.tasks.answer(taskId, principal.id, answers);
    return {};
  });
  offer("tasks/cancel", async (taskId, context) => {
    if ((await access.cancel(taskId, principalOf(context))) === undefined)
      throw unknownTask(taskId);
    return {};
  });
  server.registerCapabilities({ extensions: { [TASKS_EXTENSION]: {} } });
}

const invalid = (message: string): ProtocolError =>
  new ProtocolError(ProtocolErrorCode.InvalidParams, message);

const unknownTask = (id: string): ProtocolError =>
  invalid(`taskId: there is no task ${JSON.stringify(id)}, or it has expired.`);
