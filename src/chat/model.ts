// The port to the models that answer `chat`.
import type { Message, Role } from "./message.ts";

/** The first message of a window that would begin with an answer: many models want a question there. */
export const GOES_ON = "(The conversation goes on from here.)";

/** Last sentence of a model's error. */
export const ASK_AGAIN = "The question is stored: chat_retry, or the same prompt, asks it again.";

export interface ModelRequest {
  sessionId: string;
  /** The question to answer; also the last of `messages`. */
  question: Message;
  /** The conversation so far, oldest first. */
  messages: { role: Role; content: string }[];
  system?: string | undefined;
  model?: string | undefined;
  temperature?: number | undefined;
  maxTokens?: number | undefined;
  /** Room for the answer in the context window, in tokens, for models that require a number. */
  answerTokens?: number | undefined;
  /** Attempts after the first one. Default: a few. */
  maxRetries?: number | undefined;
  signal: AbortSignal;
  /** Called when the model shows that it works: by a piece of its answer, or of its thoughts. */
  onActivity?: (() => void) | undefined;
  /** Called with the whole text so far, each time it grows. */
  onText?: ((text: string) => void) | undefined;
}

export interface ModelReply {
  text: string;
  /** The model that wrote the reply. */
  model: string;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  /** The reason why the answer ended before its end: `length`, `content_filter`, `refusal` or the endpoint's own. */
  finishReason?: string | undefined;
}

export interface ChatModel {
  /** Name for people: `qwen3 at http://127.0.0.1:11434/v1`. */
  readonly label: string;
  /** Names that a request may choose, the default first; absent when the model takes no name. */
  readonly models?: readonly string[];
  /** True for recall, which is no language model and answers only when there is no other. */
  readonly fallback?: boolean;
  /** @throws AppError `model` with the provider's message, without secrets; the signal's reason when aborted */
  generate(request: ModelRequest): Promise<ModelReply>;
}
