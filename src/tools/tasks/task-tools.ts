// Tools for tasks, for programs that do not know the extension: the owner of a task looks, answers and cancels.
import { z } from "zod";
import type { Principal } from "../../auth/principal.ts";
import { jsonResult } from "../../definitions/json-schema.ts";
import { isoTime } from "../../lib/clock.ts";
import { decodeCursor, encodeCursor } from "../../lib/cursor.ts";
import { AppError } from "../../lib/errors.ts";
import { TASK_STATUSES, type Task, type TaskView } from "../../tasks/task.ts";
import { optionalText } from "../arguments.ts";
import { READS, REPLACES, SETS } from "../builtin/annotations.ts";
import { reply } from "../builtin/reply.ts";
import { defineTool, type Tool } from "../tool.ts";
import { checkAnswers, textOf } from "./answers.ts";
import type { TaskAccess } from "./task-access.ts";

const MAX_PAGE = 100;
const LIST = "tasks";
const Position = z.tuple([z.number(), z.string()]);

const taskId = z.string().describe("Id of the task.");
const brief = {
  task_id: z.string(),
  tool: z.string(),
  status: z.enum(TASK_STATUSES),
  status_message: z.string().nullable(),
  created_at: z.string(),
  updated_at: z.string(),
};
const question = z.looseObject({ question: z.string(), text: z.string() });

const briefOf = (task: Task) => ({
  task_id: task.id,
  tool: task.tool,
  status: task.status,
  status_message: task.statusMessage,
  created_at: isoTime(task.createdAt),
  updated_at: isoTime(task.updatedAt),
});

const questionsOf = ({ questions }: TaskView) =>
  Object.entries(questions).map(([name, asked]) => {
    const { requestedSchema } = (asked as { params?: { requestedSchema?: unknown } }).params ?? {};
    return {
      ...{ question: name, text: textOf(asked) },
      ...(requestedSchema !== undefined && { schema: requestedSchema }),
    };
  });

export const taskTools = (access: TaskAccess): Tool[] => [
  ...readingTools(access),
  ...writingTools(access),
];

const finder =
  (access: TaskAccess) =>
  async (id: string, principal: Principal): Promise<TaskView> => {
    const task = await access.find(id, principal);
    if (task !== undefined) return task;
    throw new AppError("not_found", `There is no task ${JSON.stringify(id)}, or it has expired.`, {
      hint: "task_list names the tasks there are.",
    });
  };

function readingTools(access: TaskAccess): Tool[] {
  const found = finder(access);
  return [
    defineTool({
      ...{ name: "task_list", toolset: "tasks", session: "none", response: "json" },
      description: "List the tasks that longer calls have begun, the newest first.",
      input: z.strictObject({
        open: z.boolean().optional().describe("True for those that have not ended only."),
        limit: z.int().min(1).max(MAX_PAGE).default(20),
        cursor: optionalText("`next_cursor` of the page before."),
      }),
      output: z.object({
        tasks: z.array(z.object(brief)),
        next_cursor: z.string().optional(),
      }),
      annotations: READS,
      async handler({ input: { open, limit, cursor }, principal }) {
        const [createdAt, id] = cursor ? decodeCursor(LIST, Position, cursor) : [];
        const after = id === undefined ? undefined : { createdAt: createdAt!, id };
        const { tasks, last, isCut } = await access.list({ open, limit, after }, principal);
        const lines = tasks.map((task) => `${task.id} ${task.tool}: ${lineOf(task)}`);
        return reply(lines.join("\n") || "There are no tasks.", {
          tasks: tasks.map(briefOf),
          ...(isCut && { next_cursor: encodeCursor(LIST, [last!.createdAt, last!.id]) }),
        });
      },
    }),

    defineTool({
      ...{ name: "task_get", toolset: "tasks", session: "none", response: "json" },
      description: "Tell how far a task is: its questions, and its result once it has ended.",
      input: z.strictObject({ task_id: taskId }),
      output: z.object({
        ...brief,
        progress: z.number().nullable(),
        progress_total: z.number().nullable(),
        questions: z.array(question),
        result: jsonResult().optional(),
        error: jsonResult().optional(),
      }),
      annotations: READS,
      async handler({ input, principal }) {
        const task = await found(input.task_id, principal);
        const { progress, progressTotal, result, error } = task;
        return reply(textOfTask(task), {
          ...briefOf(task),
          ...{ progress, progress_total: progressTotal, questions: questionsOf(task) },
          ...(result !== undefined && { result }),
          ...(error !== undefined && { error }),
        });
      },
    }),
  ];
}

function writingTools(access: TaskAccess): Tool[] {
  const found = finder(access);
  return [
    defineTool({
      ...{ name: "task_answer", toolset: "tasks", session: "none", response: "json" },
      scope: "read", // and what the task's tool requires
      description:
        "Answer the question of a task that waits, in the user's words: task_get tells the question. Then the task goes on.",
      input: z.strictObject({
        task_id: taskId,
        question: optionalText("Name of the question. Default: the only one."),
        action: z.enum(["accept", "decline", "cancel"]).default("accept"),
        content: z
          .record(z.string(), z.unknown())
          .optional()
          .describe("What the question's `schema` asks for, with `accept`."),
      }),
      output: z.object({ task_id: z.string(), answered: z.string() }),
      annotations: SETS,
      async handler({ input, principal }) {
        const task = await found(input.task_id, principal);
        const names = Object.keys(task.questions);
        const { question: name = names.length === 1 ? names[0]! : undefined } = input;
        if (names.length === 0)
          throw new AppError("invalid", "This task asks nothing now.", {
            hint: "task_get tells how it goes on, or how it has ended.",
          });
        if (name === undefined || !names.includes(name))
          throw new AppError("invalid", `question: expected ${names.join(" or ")}.`);
        const { method } = task.questions[name] as { method: string };
        const { action, content } = input;
        const answer =
          method === "elicitation/create"
            ? { action, ...(action === "accept" && { content: content ?? {} }) }
            : (content ?? {});
        await checkAnswers(task.questions, { [name]: answer });
        const answered = await access.tasks.answer(task.id, principal.id, { [name]: answer });
        if (!answered?.includes(name))
          throw new AppError("conflict", `${name} was answered, or closed, meanwhile.`, {
            hint: "task_get tells how the task goes on.",
          });
        return reply(`Answered ${name}. task_get tells how the task goes on.`, {
          ...{ task_id: task.id, answered: name },
        });
      },
    }),

    defineTool({
      ...{ name: "task_cancel", toolset: "tasks", session: "none", response: "json" },
      scope: "read",
      description: "Cancel a task that has not ended. What it has done so far stays done.",
      input: z.strictObject({ task_id: taskId }),
      output: z.object({
        task_id: z.string(),
        outcome: z.enum(["cancelled", "requested", "ended"]),
      }),
      annotations: REPLACES,
      async handler({ input, principal }) {
        const task = await found(input.task_id, principal);
        const outcome = (await access.cancel(task.id, principal)) ?? "ended";
        return reply(CANCELLED[outcome], { task_id: task.id, outcome });
      },
    }),
  ];
}

const CANCELLED = {
  cancelled: "The task is cancelled.",
  requested: "The task was asked to stop; task_get tells when it has.",
  ended: "The task had ended before.",
} as const;

const lineOf = ({ status, statusMessage }: Task): string =>
  statusMessage === null ? status : `${status} (${statusMessage})`;

function textOfTask(task: TaskView): string {
  const { progress, progressTotal, result, error } = task;
  const lines = [`${task.tool} is ${lineOf(task)}.`];
  if (progress !== null && result === undefined)
    lines.push(`Progress: ${progress}${progressTotal === null ? "" : ` of ${progressTotal}`}.`);
  for (const { question: name, text } of questionsOf(task))
    lines.push(`It asks ${JSON.stringify(name)}: ${text} Answer with task_answer.`);
  const content = (result as { content?: { type: string; text?: string }[] } | undefined)?.content;
  for (const block of content ?? []) if (block.type === "text") lines.push(block.text ?? "");
  if (error !== undefined) lines.push((error as { message: string }).message);
  return lines.join("\n");
}
