// The client's own model behind `chat` (MCP sampling): the request to the client, and its answer.
import {
  type CreateMessageRequestParams,
  isSpecType,
  type SamplingMessage,
} from "@modelcontextprotocol/server";
import { GOES_ON, type ModelReply, type ModelRequest } from "../../chat/model.ts";
import { withoutThoughts } from "../../chat/thoughts.ts";
import { AppError } from "../../lib/errors.ts";

/** Bound of a request without one: sampling requires a bound, and clients apply smaller ones themselves. */
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
  const shown = messages.map(toSamplingMessage);
  return {
    messages:
      shown[0]?.role === "assistant"
        ? [toSamplingMessage({ role: "user", content: GOES_ON }), ...shown]
        : shown,
    maxTokens,
    ...(system !== undefined && { systemPrompt: system }),
    ...(temperature !== undefined && { temperature }),
    ...(model !== undefined && { modelPreferences: { hints: [{ name: model }] } }),
  };
}

/** @throws AppError `model` for a malformed answer, or one without text */
export function samplingReply(answer: unknown): ModelReply {
  if (!isSpecType.CreateMessageResult(answer))
    throw new AppError("model", "The calling program's model gave something that is no message.");
  const { content, model, stopReason } = answer;
  const text = withoutThoughts(
    [content]
      .flat()
      .flatMap((part) => (part.type === "text" ? [part.text] : []))
      .join("\n"),
  );
  if (text.trim() === "") {
    throw new AppError("model", "The calling program's model gave no text.", {
      hint: "Ask again, or set model-url and model to have the server ask a model of its own.",
    });
  }
  return { text, model, ...(stopReason === "maxTokens" && { finishReason: "length" }) };
}

/** Sampling knows two roles: messages of other roles become notes of the user. */
function toSamplingMessage({ role, content }: ModelRequest["messages"][number]): SamplingMessage {
  const text = role === "user" || role === "assistant" ? content : `[${role}]\n${content}`;
  return { role: role === "assistant" ? "assistant" : "user", content: { type: "text", text } };
}
