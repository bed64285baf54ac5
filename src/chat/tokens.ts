// How long texts are for a model, in tokens. Counting costs time, so messages are counted once and remembered.
import { LRUCache } from "lru-cache";
import { byteLength } from "../lib/text/text.ts";
import type { Message } from "./message.ts";

/** The port to whatever counts. Models count differently: it is right within some percent. */
export interface Tokenizer {
  /** `Infinity` for more than `limit`: what is too long anyway is not counted to its end. */
  count(text: string, limit: number): Promise<number>;
  /** The text, or as much of its beginning as is about `max` tokens long. */
  cut(text: string, max: number): Promise<string>;
}

/** What a message takes beside its text: who says it, where it ends. */
export const MESSAGE_TOKENS = 4;

/** Counts of messages that are kept in memory: some megabytes. */
const MAX_COUNTS = 20_000;

/** A token is at least one byte: so much it is at most, known without counting. */
export const mostTokens = (text: string): number => byteLength(text);

export class MessageTokens {
  readonly #tokenizer: Tokenizer;
  /** By message; a negative one means more than that. */
  readonly #counts = new LRUCache<string, number>({ max: MAX_COUNTS });

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** `Infinity` for more than `limit`. */
  async of(sessionId: string, message: Message, limit: number): Promise<number> {
    const { seq, createdAt, content } = message;
    // Messages never change; a history that is cleared begins again at 1, at another time.
    const key = `${sessionId} ${seq} ${createdAt} ${content.length}`;
    const known = this.#counts.get(key);
    if (known !== undefined && (known >= 0 || -known >= limit)) return known < 0 ? Infinity : known;
    const tokens = MESSAGE_TOKENS + (await this.#tokenizer.count(content, limit));
    this.#counts.set(key, tokens === Infinity ? -limit : tokens);
    return tokens;
  }
}
