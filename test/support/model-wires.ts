// The two wire formats of models, as far as the scripted endpoint of the tests speaks them.

/** A request to a model, in either format: the system prompt is a first message. */
export interface Asked {
  model: string;
  messages: { role: string; content: string }[];
  temperature?: number;
  max_tokens?: number;
  stream?: boolean;
}

export interface Wire {
  path: string;
  /** The header that carries the key. */
  keyHeader: string;
  provider: "openai" | "anthropic";
  read(body: Record<string, any>): Asked; // oxlint-disable-line typescript/no-explicit-any -- as it comes
  /** The events of a streamed answer. */
  begin: string;
  piece(text: string): string;
  end(usage: boolean): string;
  /** A fault in the middle of a stream. */
  fault(message: string): string;
  /** The body of a refusal. */
  error(message: string): object;
}

/** Token usage of every scripted answer. */
export const INPUT_TOKENS = 11;
export const OUTPUT_TOKENS = 7;

const chunk = (choice: object | undefined, more: object = {}): string =>
  `data: ${JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "scripted-1",
    choices: choice ? [{ index: 0, ...choice }] : [],
    ...more,
  })}\n\n`;

/** Streaming chat completions. */
export const openai: Wire = {
  path: "/v1/chat/completions",
  keyHeader: "authorization",
  provider: "openai",
  read: (body) => body as Asked,
  begin: "",
  piece: (content) => chunk({ delta: { content } }),
  end(usage) {
    const total_tokens = INPUT_TOKENS + OUTPUT_TOKENS;
    const used = { prompt_tokens: INPUT_TOKENS, completion_tokens: OUTPUT_TOKENS, total_tokens };
    const last = usage ? chunk(undefined, { usage: used }) : "";
    return `${chunk({ delta: {}, finish_reason: "stop" })}${last}data: [DONE]\n\n`;
  },
  fault: (message) => `data: ${JSON.stringify({ error: { message } })}\n\n`,
  error: (message) => ({ error: { message, type: "scripted", code: null } }),
};

const event = (type: string, more: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;

const texts = (content: unknown): string =>
  typeof content === "string"
    ? content
    : (content as { text: string }[]).map(({ text }) => text).join("\n");

/** Streaming messages. */
export const anthropic: Wire = {
  path: "/v1/messages",
  keyHeader: "x-api-key",
  provider: "anthropic",
  read: ({ system, messages, ...body }) => ({
    ...(body as Asked),
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: texts(system) }]),
      ...(messages as { role: string; content: unknown }[]).map(({ role, content }) => ({
        role,
        content: texts(content),
      })),
    ],
  }),
  begin:
    event("message_start", {
      message: {
        ...{ id: "msg_1", type: "message", role: "assistant", model: "scripted-1", content: [] },
        ...{ stop_reason: null, stop_sequence: null },
        usage: { input_tokens: INPUT_TOKENS, output_tokens: 1 },
      },
    }) +
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }) +
    event("ping"),
  piece: (text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } }),
  end: () =>
    event("content_block_stop", { index: 0 }) +
    event("message_delta", {
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: OUTPUT_TOKENS },
    }) +
    event("message_stop"),
  fault: (message) => event("error", { error: { type: "overloaded_error", message } }),
  error: (message) => ({ type: "error", error: { type: "invalid_request_error", message } }),
};
