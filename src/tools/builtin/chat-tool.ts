// The tools `chat` and `chat_retry`, which ask a model with the session's history as context: the server's model, else
// the client's, else recall.
import { randomUUID } from "node:crypto";
import { type CallToolResult, inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { Again } from "../../chat/ask.ts";
import type { Answered } from "../../chat/chat.ts";
import type { TaskHandle } from "../../tasks/handle.ts";
import { optionalText } from "../arguments.ts";
import { requestKey } from "../request-key.ts";
import type { ToolContext } from "../session/context.ts";
import { defineTool, type Tool } from "../tool.ts";
import { reply } from "./reply.ts";
import { samplingReply, samplingRequest } from "./sampling.ts";

/** Minimum time between two progress notifications: models write faster than clients can show. */
const PROGRESS_INTERVAL_MS = 50;
/** Minimum growth factor of the text between two notifications: each has the whole text, and all are stored. */
const GROWTH = 1.1;

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: true,
};

const output = z.object({
  text: z.string(),
  model: z.string(),
  question_seq: z.int(),
  answer_seq: z.int(),
  usage: z.object({ input_tokens: z.int().nullable(), output_tokens: z.int().nullable() }),
  finish_reason: z
    .string()
    .optional()
    .describe(
      "Why the answer ended early: length, content_filter, refusal, or the endpoint's own.",
    ),
});

/** The arguments that configure the model. */
const manner = (models: readonly string[]) => ({
  model: optionalText(
    models.length === 0
      ? "Which model to prefer."
      : `One of: ${models.join(", ")}. Default: ${models[0]}.`,
  ),
  system: optionalText("System prompt for this turn instead of the session's."),
  temperature: z.number().min(0).max(2).optional(),
  max_tokens: z.int().min(1).optional(),
  request_key: requestKey,
});

/** Names of the built-in tools whose calls may be tasks. */
export const BUILT_IN_TASKS = ["chat"];

/** `models` are the names that the server's own endpoint accepts, the default first. */
export function chatTools(models: readonly string[] = []): Tool[] {
  return [
    defineTool({
      name: "chat",
      toolset: "chat",
      description:
        "Ask the configured language model, or the calling program's own. This session's history is its memory, and question and answer are added to it.",
      input: z.strictObject({
        prompt: z.string().describe("What to say to the model."),
        ...manner(models),
        background: z
          .boolean()
          .optional()
          .describe("True to answer as a task, which outlives this call (toolset `tasks`)."),
      }),
      output,
      annotations,
      session: "created",
      task: ({ background }) => (background === true ? "optional" : undefined),
      handler: (context) => answer(context, context.input),
    }),

    defineTool({
      name: "chat_retry",
      toolset: "chat",
      description:
        "Ask the session's last question once more, in the same words or in other ones. When there is an answer, it takes the place of the last one; until then nothing is lost.",
      input: z.strictObject({
        prompt: optionalText("What to say instead. Default: what was said last time."),
        ...manner(models),
      }),
      output,
      annotations: { ...annotations, destructiveHint: true },
      handler: (context) => answer(context, context.input, true),
    }),
  ];
}

interface Asked {
  prompt?: string | undefined;
  model?: string | undefined;
  system?: string | undefined;
  temperature?: number | undefined;
  max_tokens?: number | undefined;
  request_key?: string | undefined;
  background?: boolean | undefined;
}

/** The part of the context that both tools use. */
type Context = Pick<
  ToolContext<unknown>,
  "session" | "signal" | "progress" | "client" | "inputResponses" | "requestState"
> & { task?: TaskHandle | undefined };

/** The state between a call's two rounds. It ties the client's one answer to the question that was asked. */
interface Round {
  key: string;
  again?: Again | undefined;
}

async function answer(context: Context, input: Asked, retry = false) {
  const { session, signal, progress, inputResponses, task } = context;
  const { background: _, max_tokens: maxTokens, request_key: key, ...asked } = input;
  // Under one key, a later run of the task goes on with the same question.
  const requestKey = key ?? task?.id;
  await task?.checkpoint(true);
  const state = context.requestState<string>();
  const round = state === undefined ? undefined : (JSON.parse(state) as Round);
  const again = round?.again ?? (retry ? await lastQuestion(session) : undefined);
  const prompt = asked.prompt ?? again?.content ?? "";
  const ask = { ...asked, prompt, again, maxTokens, requestKey, signal };
  const answers = inputResponse(inputResponses, ANSWER);
  if (answers.kind === "sampling" && round !== undefined) {
    const reply = samplingReply(answers.result);
    return answered(await session.ask({ ...ask, requestKey: round.key, reply }));
  }
  if (!session.hasModel && context.client?.capabilities.sampling) {
    const params = samplingRequest({ ...ask, ...(await session.conversation(ask)) });
    return inputRequired({
      inputRequests: { [ANSWER]: inputRequired.createMessage(params) },
      requestState: JSON.stringify({ key: requestKey ?? randomUUID(), again } satisfies Round),
    });
  }
  const onText = throttled((text) => progress(text.length, undefined, text.toWellFormed())); // a chunk may end inside a character
  return answered(await session.ask({ ...ask, onText }));
}

async function lastQuestion(session: Context["session"]): Promise<Again> {
  const { seq, content } = await session.lastQuestion();
  return { seq, content };
}

/** Name of the input request to the client's model. */
const ANSWER = "answer";

const answered = ({ question, answer, finishReason }: Answered): CallToolResult =>
  reply(answer.content, {
    text: answer.content,
    model: answer.model ?? "unknown",
    question_seq: question.seq,
    answer_seq: answer.seq,
    usage: { input_tokens: answer.inputTokens, output_tokens: answer.outputTokens },
    ...(finishReason !== undefined && { finish_reason: finishReason }),
  });

/**
 * Sends the growing text at most once per interval, and never while a slow reader still receives the last one. Skipped
 * texts are no loss: each has the whole text so far, and the result has the end.
 */
function throttled(send: (text: string) => Promise<void>): (text: string) => void {
  let last = -Infinity;
  let told = 0;
  let sending = false;
  const sent = (): void => {
    sending = false;
  };
  return (text) => {
    const now = performance.now();
    if (sending || now - last < PROGRESS_INTERVAL_MS || text.length < told * GROWTH) return;
    [last, told] = [now, text.length];
    sending = true;
    send(text).then(sent, sent);
  };
}
