// Lengths of texts in a model's tokens. Counting is slow, so each message is counted once and remembered.
import { boundedCache } from "../lib/cache/bounded-cache.ts";
import { byteLength } from "../lib/text/text.ts";
import type { Message } from "./message.ts";

/** The port to a token counter. It counts as the model does, or with a margin where the model's way is not known. */
export interface Tokenizer {
  /** The number of tokens; `Infinity` for more than `limit`, where counting stops. */
  count(text: string, limit: number, model?: string): Promise<number>;
  /** The text, or about the first `max` tokens of it. */
  cut(text: string, max: number, model?: string): Promise<string>;
}

/** Tokens of a message beside its text, for its role and its end. */
export const MESSAGE_TOKENS = 4;

/** Maximum number of counts in memory: some megabytes. */
const MAX_COUNTS = 20_000;

/** An upper limit without counting: a token is at least one byte. */
export const mostTokens = (text: string): number => byteLength(text);

export class MessageTokens {
  readonly #tokenizer: Tokenizer;
  /** Counts by message; a negative number means more than its absolute value. */
  readonly #counts = boundedCache<number>(MAX_COUNTS);

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** The number of tokens; `Infinity` for more than `limit`. */
  async of(sessionId: string, message: Message, limit: number, model: string): Promise<number> {
    const { seq, createdAt, content } = message;
    // Identify a message without hashing it. A cleared history begins again at 1, with another time.
    const key = `${sessionId} ${seq} ${createdAt} ${content.length} ${model}`;
    const known = this.#counts.get(key);
    if (known !== undefined && (known >= 0 || -known >= limit)) return known < 0 ? Infinity : known;
    const tokens = MESSAGE_TOKENS + (await this.#tokenizer.count(content, limit, model));
    this.#counts.set(key, tokens === Infinity ? -limit : tokens);
    return tokens;
  }
}
