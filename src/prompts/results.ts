// Turns the return value of a prompt's handler into a result of MCP. A mistake names the prompt and the field.
import {
  type ContentBlock,
  type GetPromptResult,
  type InputRequiredResult,
  isInputRequiredResult,
  isSpecType,
  type Prompt as WirePrompt,
  type PromptMessage,
  specTypeSchemas,
} from "@modelcontextprotocol/server";
import { saidOf, ToolMistake } from "../definitions/mistake.ts";
import { fieldOf } from "../definitions/schema.ts";
import { findJsonFault } from "../lib/json/json-fault.ts";
import { isObject } from "../lib/json/objects.ts";

/** A text or a content block, which become one message of the user; a list of messages; or the whole result of MCP. */
export type PromptResult =
  | string
  | ContentBlock
  | readonly (PromptMessage | string)[]
  | GetPromptResult
  | InputRequiredResult;

export type Rendered = GetPromptResult | InputRequiredResult;

/** @throws ToolMistake for a value that cannot be sent */
export function settlePrompt({ name, description }: WirePrompt, returned: unknown): Rendered {
  const mistake = (field: string, reason: string): ToolMistake =>
    new ToolMistake(
      ["prompt", name, ["result", field].filter(Boolean).join(".")].join(" "),
      reason,
    );
  const fault = findJsonFault(returned);
  if (fault) throw mistake(fault.path, `expected messages, received ${fault.received}`);
  if (isObject(returned) && isInputRequiredResult(returned)) return returned;
  const result = {
    ...(description !== undefined && { description }),
    ...(isObject(returned) && "messages" in returned
      ? returned
      : { messages: [returned].flat().map(messageOf) }),
  };
  const { issues: [issue] = [] } = specTypeSchemas.GetPromptResult["~standard"].validate(result);
  if (issue) throw mistake(fieldOf(issue), saidOf(fieldOf(issue), issue.message));
  return result as GetPromptResult;
}

function messageOf(value: unknown): unknown {
  if (typeof value === "string") return { role: "user", content: { type: "text", text: value } };
  return isObject(value) && isSpecType.ContentBlock(value)
    ? { role: "user", content: value }
    : value;
}
