// Conversion of a handler's return value to an MCP result. The checks name a mistake as the tool's, with the field.
import {
  type CallToolResult,
  type ContentBlock,
  type InputRequiredResult,
  isInputRequiredResult,
  isSpecType,
  specTypeSchemas,
} from "@modelcontextprotocol/server";
import { saidOf, ToolMistake } from "../definitions/mistake.ts";
import { type Checked, fieldOf, type PreparedSchema } from "../definitions/schema.ts";
import { describeFault, findJsonFault } from "../lib/json/json-fault.ts";
import { isObject } from "../lib/json/objects.ts";

/** The answer to a call that became a task. */
export interface TaskCreated extends Record<string, unknown> {
  resultType: "task";
  taskId: string;
}

/** A result that is ready to be sent, except for the session in `_meta`. */
export type Settled = CallToolResult | InputRequiredResult | TaskCreated;

export const isTaskCreated = (result: Settled): result is TaskCreated =>
  result["resultType"] === "task" && typeof result["taskId"] === "string";

/** Key in a result's `_meta`: the task that the caller has to ask for the outcome. */
export const TASK_META = "holdfast/task";

/** The id of the task that this answer tells in place of an outcome. */
export function taskIn(result: Settled): string | undefined {
  if (isTaskCreated(result)) return result.taskId;
  const id = result._meta?.[TASK_META];
  return typeof id === "string" ? id : undefined;
}

/** True for a result that asks the client for input. */
export const isQuestion = (result: Settled): result is InputRequiredResult =>
  !("content" in result) && !isTaskCreated(result);

export const isSettled = (result: unknown): boolean =>
  isObject(result) &&
  (Array.isArray(result["content"]) ||
    isInputRequiredResult(result) ||
    isTaskCreated(result as Settled));

const WHOLE = "result";
const DATA = "structuredContent";

/** @throws ToolMistake for a value that cannot be sent, or does not match `output` */
export async function settle(returned: unknown, output?: PreparedSchema): Promise<Settled> {
  if (output === undefined) return settleNow(returned);
  try {
    if (isObject(returned) && isInputRequiredResult(returned)) return checkJson(returned, WHOLE);
    if (isWhole(returned)) return await settleWhole(returned, output);
    return { content: [], structuredContent: await promised(returned, output, WHOLE) };
  } catch (error) {
    throw unreadable(error);
  }
}

/** A result without an `output`. @throws ToolMistake for a value that cannot be sent */
export function settleNow(returned: unknown): Settled {
  try {
    if (isObject(returned) && isInputRequiredResult(returned)) return checkJson(returned, WHOLE);
    if (!isWhole(returned)) return settleValue(returned);
    const { rest, data } = readWhole(returned);
    return data === undefined ? rest : withData(rest, data, checkJson(data, DATA));
  } catch (error) {
    throw unreadable(error);
  }
}

/** True for a result of MCP; its `content` may be left out where there is data. */
const isWhole = (returned: unknown): returned is CallToolResult =>
  isObject(returned) &&
  (Array.isArray(returned["content"]) ||
    (returned["content"] === undefined && isObject(returned["structuredContent"])));

const unreadable = (error: unknown): ToolMistake =>
  error instanceof ToolMistake
    ? error
    : new ToolMistake(WHOLE, `it cannot be read: ${describeFault(error)}`, error);

/** A complete MCP result from the tool's author. */
async function settleWhole(result: CallToolResult, output: PreparedSchema): Promise<Settled> {
  const { rest, data } = readWhole(result);
  if (data !== undefined) return withData(rest, data, await promised(data, output, DATA));
  if (rest.isError !== true)
    throw new ToolMistake(DATA, "it is not given, and the tool has an `output`");
  return rest;
}

/** The data of a complete result, and all the rest. */
function readWhole(result: CallToolResult): { rest: CallToolResult; data: unknown } {
  const { structuredContent: data, ...parts } = result;
  const rest: CallToolResult = { ...parts, content: parts.content ?? [] };
  checkJson(rest, WHOLE);
  if (!isPlainText(rest)) checkSpec(rest);
  return { rest, data };
}

function withData(rest: CallToolResult, data: unknown, checked: unknown): CallToolResult {
  if (!isObject(checked)) throw new ToolMistake(DATA, `expected an object, received ${kind(data)}`);
  return { ...rest, structuredContent: checked };
}

/** The data as parsed by `output`: with its defaults, without unknown fields. */
async function promised(
  data: unknown,
  output: PreparedSchema,
  field: string,
): Promise<Record<string, unknown>> {
  if (!isObject(data))
    throw new ToolMistake(field, `expected what \`output\` says, received ${kind(data)}`);
  const { session, ...own } = data; // a tool that opens a session names it here
  let checked: Checked;
  try {
    checked = await output.check(own);
  } catch (error) {
    // An error of the schema's own functions stays private, as one of the handler does.
    throw new ToolMistake(field, "its `output` threw while it was checked", error);
  }
  const [issue] = checked.issues ?? [];
  if (issue !== undefined)
    throw new ToolMistake([field, fieldOf(issue)].filter(Boolean).join("."), issue.message);
  const value = checkJson((checked as { value: unknown }).value, field) as object;
  return session === undefined ? { ...value } : { ...value, session };
}

/** Any other return value of a handler. */
function settleValue(value: unknown): CallToolResult {
  if (value === undefined || value === null) return { content: [] };
  checkJson(value, WHOLE);
  if (Array.isArray(value) && value.some(isBlock)) return { content: value.map(blockOf) };
  if (isBlock(value)) return { content: [value] };
  if (isObject(value)) return { content: [], structuredContent: value };
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { content: [{ type: "text", text }] };
}

function blockOf(value: unknown, index: number): ContentBlock {
  if (typeof value === "string") return { type: "text", text: value };
  if (isBlock(value)) return value;
  throw new ToolMistake(
    `${WHOLE}.${index}`,
    `expected text or a content block, received ${kind(value)}`,
  );
}

const isBlock = (value: unknown): value is ContentBlock =>
  isObject(value) && typeof value["type"] === "string" && isSpecType.ContentBlock(value);

/** True for the usual result, which needs no validation by schema. */
const isPlainText = (result: Pick<CallToolResult, "content">): boolean =>
  Object.keys(result).length === 1 &&
  result.content.every(
    (block) =>
      block !== null &&
      block.type === "text" &&
      typeof block.text === "string" &&
      Object.keys(block).length === 2,
  );

function checkSpec(result: object): void {
  const { issues: [issue] = [] } = specTypeSchemas.CallToolResult["~standard"].validate(result);
  if (issue === undefined) return;
  const field = fieldOf(issue);
  throw new ToolMistake(`${WHOLE}.${field}`, saidOf(field, issue.message));
}

function checkJson<T>(value: T, field: string): T {
  const fault = findJsonFault(value);
  if (fault === undefined) return value;
  const path = [field, fault.path].filter(Boolean).join(".");
  throw new ToolMistake(path, `expected JSON, received ${fault.received}`);
}

function kind(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  return (
    findJsonFault(value)?.received ?? (typeof value === "string" ? "text" : `a ${typeof value}`)
  );
}
