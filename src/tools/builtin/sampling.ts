// The caller's own model behind `chat` (MCP sampling): the question as the caller is asked it, and its answer.
import {
  isSpecType,
  type CreateMessageRequestParams,
  type SamplingMessage,
} from "@modelcontextprotocol/server";
import type { ModelReply, ModelRequest } from "../../chat/model.ts";
import { AppError } from "../../lib/errors.ts";

/** Sampling wants a bound; callers have smaller ones of their own. */
const DEFAULT_MAX_TOKENS = 4_096;

export type SamplingQuestion = Pick<
  ModelRequest,
  "messages" | "system" | "model" | "temperature" | "maxTokens"
>;

export function samplingRequest({
  messages,
  system,
  model,
  temperature,
  maxTokens = DEFAULT_MAX_TOKENS,
}: SamplingQuestion): CreateMessageRequestParams {
  return {
    messages: messages.map(toSamplingMessage),
    maxTokens,
    ...(system !== undefined && { systemPrompt: system }),
    ...(temperature !== undefined && { temperature }),
    ...(model !== undefined && { modelPreferences: { hints: [{ name: model }] } }),
  };
}

/** @throws AppError `model` for an answer that is none, or has no text */
export function samplingReply(answer: unknown): ModelReply {
  if (!isSpecType.CreateMessageResult(answer))
    throw new AppError("model", "The calling program's model gave something that is no message.");
  const { content, model } = answer;
  const text = [content]
    .flat()
    .flatMap((part) => (part.type === "text" ? [part.text] : []))
    .join("\n");
  if (text.trim() === "") {
    throw new AppError("model", "The calling program's model gave no text.", {
      hint: "Ask again, or set model-url and model to have the server ask a model of its own.",
    });
  }
  return { text, model };
}

/** Sampling knows two roles: what somebody else said is shown as a note. */
function toSamplingMessage({ role, content }: ModelRequest["messages"][number]): SamplingMessage {
  const text = role === "user" || role === "assistant" ? content : `[${role}]\n${content}`;
  return { role: role === "assistant" ? "assistant" : "user", content: { type: "text", text } };
}
