// The part of a history that a model is shown: a summary of the older messages (summaries/), and the newest
// messages that fit. A turn reads a bounded part of a history of any length, and counts each message once.
import { AppError } from "../lib/errors.ts";
import type { Ask, Question } from "./ask.ts";
import type { Message } from "./message.ts";
import type { ModelRequest } from "./model.ts";
import type { HistoryStore, Summary } from "./store.ts";
import { MESSAGE_TOKENS, MessageTokens, mostTokens, type Tokenizer } from "./tokens.ts";

/** Room for an answer without a requested bound; never more than a quarter of the window. */
const ANSWER_TOKENS = 4_096;
/** Room for the summary; never more than an eighth of the window. */
const SUMMARY_TOKENS = 1_000;
/** Maximum number of messages that one turn reads back. */
export const MAX_READ = 1_000;

/** The model name of recall. Its quotes stand elsewhere in the history, and its notices are for people. */
const RECALL = "recall";

export type WindowAsk = Pick<Question, "prompt"> & Pick<Ask, "system" | "model" | "maxTokens">;

/** The model that is asked; undefined for the default. */
export type WindowModel = Pick<WindowAsk, "model">;

/** The parts of a model's window, in tokens. */
export interface WindowParts {
  whole: number;
  answer: number;
  summary: number;
}

export interface View {
  summary: Summary | undefined;
  /** The messages after the summary that fit, newest first, with their token counts. */
  newest: { message: Message; tokens: number }[];
  /** Tokens for all of `newest`; negative when the question leaves no room even for the summary. */
  room: number;
  /** True when messages between `newest` and the summary are left out. */
  overflows: boolean;
}

/** Lengths in tokens; `Infinity` for more than the window. */
interface Measure {
  text(text: string): number | Promise<number>;
  message(message: Message): number | Promise<number>;
}

/** Upper bounds by length in bytes, without counting tokens. */
const roughly: Measure = {
  text: mostTokens,
  message: ({ content }) => mostTokens(content) + MESSAGE_TOKENS,
};

export class ContextWindow {
  readonly #tokenizer: Tokenizer;
  readonly #defaultModel: string;
  readonly #store: Pick<HistoryStore, "page" | "summary">;
  readonly #tokensOf: (model: string) => number;
  readonly #counts: MessageTokens;

  /** `tokensOf` returns the size of a model's window, in tokens. */
  constructor(
    store: Pick<HistoryStore, "page" | "summary">,
    tokenizer: Tokenizer,
    { tokensOf, defaultModel }: { tokensOf: (model: string) => number; defaultModel: string },
  ) {
    this.#store = store;
    this.#tokenizer = tokenizer;
    this.#tokensOf = tokensOf;
    this.#defaultModel = defaultModel;
    this.#counts = new MessageTokens(tokenizer);
  }

  /** The number of tokens for the model that is asked; `Infinity` for more than `limit`. */
  count(text: string, limit: number, { model = this.#defaultModel }: WindowModel): Promise<number> {
    return this.#tokenizer.count(text, limit, model);
  }

  /** The text, or about the first `max` tokens of it. */
  cut(text: string, max: number, { model = this.#defaultModel }: WindowModel): Promise<string> {
    return this.#tokenizer.cut(text, max, model);
  }

  parts({
    model = this.#defaultModel,
    maxTokens = ANSWER_TOKENS,
  }: Pick<WindowAsk, "model" | "maxTokens">): WindowParts {
    const whole = this.#tokensOf(model);
    return {
      whole,
      answer: Math.min(maxTokens, Math.floor(whole / 4)),
      summary: Math.min(SUMMARY_TOKENS, Math.floor(whole / 8)),
    };
  }

  /** @throws AppError `limit` for a prompt that the window has no room for, even with no history at all */
  async check(ask: WindowAsk): Promise<void> {
    const { whole, answer } = this.parts(ask);
    const room = whole - answer;
    if ((await asked(ask, roughly)) <= room) return;
    const limit = 2 * whole; // enough to say by how much
    const tokens = await asked(ask, {
      ...roughly,
      text: (text) => this.count(text, limit, ask),
    });
    if (tokens <= room) return;
    const length = tokens === Infinity ? `more than ${limit}` : `${tokens}`;
    throw new AppError(
      "limit",
      `Prompt and system prompt are ${length} tokens long; the model's window has room for ${room}.`,
      {
        hint: `Ask with less. The setting context-tokens (now ${whole}) allows more, if the model does.`,
      },
    );
  }

  /** The part of the history below `before` that fits beside this question. */
  async view(sessionId: string, ask: WindowAsk, before?: number): Promise<View> {
    const summary = await this.#store.summary(sessionId);
    const { whole, answer, summary: summaryRoom } = this.parts(ask);
    const fill = async (measure: Measure, summaryTokens: number): Promise<View> => {
      const room = whole - answer - summaryTokens - (await asked(ask, measure));
      return {
        summary,
        room,
        ...(await this.#fill(sessionId, { summary, room, before, measure })),
      };
    };
    const first = await fill(roughly, summary === undefined ? 0 : summaryRoom);
    if (!first.overflows) return first;
    return fill(
      {
        text: (text) => this.count(text, whole, ask),
        message: (message) =>
          this.#counts.of(sessionId, message, whole, ask.model ?? this.#defaultModel),
      },
      summaryRoom,
    );
  }

  /** The session's messages above `after` and below `before`, newest first; pages are read on demand. */
  async *newestFirst(
    sessionId: string,
    { after = 0, before }: { after?: number | undefined; before?: number | undefined },
  ): AsyncGenerator<Message> {
    for (let limit = 20; ; limit = Math.min(2 * limit, 200)) {
      const { messages, nextBefore } = await this.#store.page(sessionId, { limit, before });
      for (const message of messages.toReversed()) {
        if (message.seq <= after) return;
        yield message;
      }
      if (nextBefore === undefined) return;
      before = nextBefore;
    }
  }

  /** Collects the newest messages that fit, without unanswered questions. */
  async #fill(
    sessionId: string,
    {
      summary,
      room,
      before,
      measure,
    }: Pick<View, "summary" | "room"> & { before: number | undefined; measure: Measure },
  ): Promise<Pick<View, "newest" | "overflows">> {
    const newest: View["newest"] = [];
    let [left, read] = [room, 0];
    const range = { after: summary?.uptoSeq, before };
    for await (const message of this.newestFirst(sessionId, range)) {
      if (++read > MAX_READ) return { newest, overflows: true };
      if (message.status !== "complete" || message.model === RECALL) continue;
      const tokens = await measure.message(message);
      left -= tokens;
      if (left < 0) return { newest, overflows: true };
      newest.push({ message, tokens });
    }
    return { newest, overflows: false };
  }
}

/** Tokens of the prompt and the system prompt. */
async function asked({ prompt, system = "" }: WindowAsk, { text }: Measure): Promise<number> {
  return (await text(prompt)) + (await text(system)) + 2 * MESSAGE_TOKENS;
}

/** The conversation in a model's format, oldest message first, the question last. */
export function conversationOf(
  { summary, newest, room }: Pick<View, "summary" | "newest" | "room">,
  prompt: string,
): ModelRequest["messages"] {
  return [
    ...(summary === undefined || room < 0
      ? []
      : [{ role: "system" as const, content: introduced(summary) }]),
    ...newest.toReversed().map(({ message: { role, content } }) => ({
      role,
      content,
    })),
    { role: "user", content: prompt },
  ];
}

/** A summary with the line that introduces it to a model. */
export function introduced({ uptoSeq, leftOut, content }: Omit<Summary, "createdAt">): string {
  const gap = leftOut === 0 ? "" : ` (${leftOut} of these messages are not in it)`;
  return `Summary of the earlier conversation, up to message #${uptoSeq}${gap}:\n${content}`;
}
