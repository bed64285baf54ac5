// A model's answer in its stored form. Oddities are repaired, never refused: the answer has been paid for.
import { shortened, storable } from "../lib/text/text.ts";
import { storableModel } from "./ask.ts";
import type { ModelReply } from "./model.ts";

const CUT = "\n\n… (cut: the answer is longer than the setting max-message allows)";

/** Notes under an answer that ended early, by their reasons. */
const NOTES: Readonly<Record<string, string>> = {
  length: "cut: the answer reached its limit of tokens, max_tokens or the model's own",
  content_filter: "cut: the endpoint's content filter ended the answer",
  refusal: "cut: the model refused to go on",
  tool_calls: "cut: the model asked for a tool, and it was given none",
};

const noteOn = (reason: string): string =>
  `\n\n… (${NOTES[reason] ?? `cut: the endpoint gave the reason ${reason}`})`;

/** Upper limit for a plausible count; larger counts are dropped. */
const MAX_TOKENS = 1_000_000_000;

/**
 * Replaces characters that cannot be stored, cuts long text, drops implausible counts, and notes why an answer ended early.
 */
export const storableReply = (reply: ModelReply, maxBytes: number): ModelReply => ({
  text: noted(reply, maxBytes),
  finishReason: reply.finishReason,
  model: storableModel(reply.model),
  inputTokens: tokenCount(reply.inputTokens),
  outputTokens: tokenCount(reply.outputTokens),
});

const tokenCount = (count: number | undefined): number | undefined =>
  count !== undefined && count >= 0 && count <= MAX_TOKENS ? Math.round(count) : undefined;

function noted({ text, finishReason }: ModelReply, maxBytes: number): string {
  const note = finishReason === undefined ? "" : noteOn(finishReason);
  const answer = storable(text);
  const short = shortened(answer, maxBytes - Buffer.byteLength(note), CUT);
  return short + (short.endsWith(CUT) ? "" : note);
}
