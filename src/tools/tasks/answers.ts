// The check of answers to a task's questions, by the kind of the question: a wrong one gets an error at once, and the task
// goes on waiting.
import { type ClientCapabilities, isSpecType } from "@modelcontextprotocol/server";
import { fieldOf, prepareSchema } from "../../definitions/schema.ts";
import { AppError } from "../../lib/errors.ts";

interface Question {
  method: string;
  params?: { requestedSchema?: unknown; message?: unknown };
}

/**
 * The answers to these questions. Others are left out: a question that is asked meanwhile gets no answer that was not checked.
 * @throws AppError `invalid` that names the question and the fault
 */
export async function checkAnswers(
  questions: Readonly<Record<string, unknown>>,
  answers: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const checked: Record<string, unknown> = {};
  for (const [name, question] of Object.entries(questions)) {
    if (!Object.hasOwn(answers, name)) continue;
    await checkAnswer(name, question as Question, answers[name]);
    checked[name] = answers[name];
  }
  return checked;
}

async function checkAnswer(
  name: string,
  { method, params }: Question,
  answer: unknown,
): Promise<void> {
  if (method === "sampling/createMessage" && !isSpecType.CreateMessageResult(answer))
    throw wrong(name, "expected { role, content, model } of a model's message");
  if (method === "roots/list" && !isSpecType.ListRootsResult(answer))
    throw wrong(name, "expected { roots: […] }");
  if (method !== "elicitation/create") return;
  if (!isSpecType.ElicitResult(answer))
    throw wrong(name, 'expected { action: "accept" | "decline" | "cancel", content }');
  const { requestedSchema } = params ?? {};
  if (answer.action !== "accept" || requestedSchema === undefined) return;
  const { issues } = await prepareSchema(requestedSchema, "input").check(answer.content ?? {});
  const [issue] = issues ?? [];
  if (issue !== undefined)
    throw wrong(name, `${["content", fieldOf(issue)].filter(Boolean).join(".")}: ${issue.message}`);
}

const wrong = (name: string, fault: string): AppError =>
  new AppError("invalid", `inputResponses.${name}: ${fault}.`);

/** The capability that a client needs to be asked. */
const NEEDED: Readonly<Record<string, keyof ClientCapabilities>> = {
  "elicitation/create": "elicitation",
  "sampling/createMessage": "sampling",
  "roots/list": "roots",
};

/** True if a client with these capabilities can answer all of the questions. */
export const canAnswer = (
  questions: Readonly<Record<string, unknown>>,
  capabilities: ClientCapabilities,
): boolean =>
  Object.values(questions).every((question) => {
    const needed = NEEDED[(question as Question).method];
    return needed === undefined || capabilities[needed] !== undefined;
  });

/** The text of a question, for people and models. */
export function textOf(question: unknown): string {
  const { method, params } = question as Question;
  const { message } = params ?? {};
  return typeof message === "string" ? message : method;
}
