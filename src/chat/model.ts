// The port to whatever answers `chat`.
import type { Message, Role } from "./message.ts";

/** What an error of a model says last. */
export const ASK_AGAIN = "The question is stored: chat_retry, or the same prompt, asks it again.";

export interface ModelRequest {
  sessionId: string;
  /** What is being asked; also the last of `messages`. */
  question: Message;
  /** The conversation so far, oldest first. */
  messages: { role: Role; content: string }[];
  system?: string | undefined;
  model?: string | undefined;
  temperature?: number | undefined;
  maxTokens?: number | undefined;
  /** How long an answer the context window has room for, for models that must be told a number. */
  answerTokens?: number | undefined;
  signal: AbortSignal;
  /** Called with the text so far as it grows. */
  onText?: ((text: string) => void) | undefined;
}

export interface ModelReply {
  text: string;
  /** Which model wrote it. */
  model: string;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
}

export interface ChatModel {
  /** How it is called towards people: `qwen3 at http://127.0.0.1:11434/v1`. */
  readonly label: string;
  /** Names that a request may ask for, its default first; absent where a name means nothing. */
  readonly models?: readonly string[];
  /** No language model: it answers only when there is nothing better. */
  readonly fallback?: boolean;
  /** @throws AppError `model` with what the provider said, secrets removed; the signal's reason when aborted */
  generate(request: ModelRequest): Promise<ModelReply>;
}
