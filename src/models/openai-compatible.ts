// A chat model behind any OpenAI-compatible endpoint, through the AI SDK. It is loaded at the first call only.
import type { ModelMessage } from "ai";
import type { ChatModel, ModelReply, ModelRequest } from "../chat/model.ts";
import { modelFailure } from "./failure.ts";

export interface EndpointOptions {
  url: string;
  model: string;
  key?: string | undefined;
}

/** Attempts beyond the first on 429, 5xx and a refused connection, with the AI SDK's back-off. */
const MAX_RETRIES = 2;

export class OpenAiCompatible implements ChatModel {
  readonly label: string;
  readonly #options: EndpointOptions;
  readonly #headers: Record<string, string>;

  constructor(options: EndpointOptions) {
    const url = new URL(options.url);
    this.#headers = basicAuthorization(url);
    url.username = url.password = ""; // from here on the address can be shown
    this.#options = { ...options, url: url.href.replace(/\/$/, "") };
    this.label = `${options.model} at ${url.origin}${url.pathname}`;
  }

  async generate(request: ModelRequest): Promise<ModelReply> {
    const { url, key, model } = this.#options;
    const [{ streamText }, { createOpenAICompatible }] = await Promise.all([
      import("ai"),
      import("@ai-sdk/openai-compatible"),
    ]);
    const provider = createOpenAICompatible({
      name: "model",
      baseURL: url,
      includeUsage: true,
      headers: this.#headers,
      ...(key !== undefined && { apiKey: key }),
    });
    const name = request.model ?? model;
    try {
      const { stream } = streamText({
        model: provider(name),
        messages: request.messages.map(toModelMessage),
        allowSystemInMessages: true,
        maxRetries: MAX_RETRIES,
        abortSignal: request.signal,
        ...(request.system !== undefined && { instructions: request.system }),
        ...(request.temperature !== undefined && { temperature: request.temperature }),
        ...(request.maxTokens !== undefined && { maxOutputTokens: request.maxTokens }),
        // Errors are parts of the stream too and are handled there; the default would print them.
        onError: () => undefined,
      });
      return await collect(stream, name, request);
    } catch (error) {
      request.signal.throwIfAborted();
      throw modelFailure(error, this.label, key);
    }
  }
}

type Part =
  | { type: "text-delta"; text: string }
  | { type: "error"; error: unknown }
  | {
      type: "finish";
      finishReason: string;
      totalUsage: { inputTokens?: number | undefined; outputTokens?: number | undefined };
    };

async function collect(
  stream: AsyncIterable<{ type: string }>,
  model: string,
  { onText }: ModelRequest,
): Promise<ModelReply> {
  let text = "";
  let end: Extract<Part, { type: "finish" }> | undefined;
  for await (const part of stream as AsyncIterable<Part>) {
    if (part.type === "error") throw part.error;
    if (part.type === "finish") end = part;
    if (part.type !== "text-delta") continue;
    text += part.text;
    onText?.(text);
  }
  // A stream that just stops, or stops with nothing said, is no answer.
  if (end === undefined || end.finishReason === "error") throw new Error("The answer broke off.");
  if (text.trim() === "")
    throw new Error(`The answer is empty (finish reason: ${end.finishReason}).`);
  return {
    text,
    model,
    inputTokens: end.totalUsage.inputTokens,
    outputTokens: end.totalUsage.outputTokens,
  };
}

/** A tool's output kept in a history has no call that it could answer, so it is shown as a note. */
function toModelMessage({ role, content }: ModelRequest["messages"][number]): ModelMessage {
  return role === "tool"
    ? { role: "user", content: `[tool output]\n${content}` }
    : { role, content };
}

/** `http://user:password@host` as a header, because `fetch` refuses such addresses. */
function basicAuthorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}
