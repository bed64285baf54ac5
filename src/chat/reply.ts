// A model's answer in its stored form. Oddities are repaired, never refused: the answer has been paid for.
import { shortened, storable } from "../lib/text/text.ts";
import { storableModel } from "./ask.ts";
import type { ModelReply } from "./model.ts";

const CUT = "\n\n… (cut: the answer is longer than the setting max-message allows)";

/** Upper limit for a plausible count; larger counts are dropped. */
const MAX_TOKENS = 1_000_000_000;

/** Replaces characters that cannot be stored, cuts long text, and drops implausible counts. */
export const storableReply = (reply: ModelReply, maxBytes: number): ModelReply => ({
  text: shortened(storable(reply.text), maxBytes, CUT),
  model: storableModel(reply.model),
  inputTokens: tokenCount(reply.inputTokens),
  outputTokens: tokenCount(reply.outputTokens),
});

const tokenCount = (count: number | undefined): number | undefined =>
  count !== undefined && count >= 0 && count <= MAX_TOKENS ? Math.round(count) : undefined;
