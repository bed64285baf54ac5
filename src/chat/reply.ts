// A model's answer in the form in which it is stored. It was paid for, so nothing that is odd about it costs the answer.
import { cleanName, shortened, storable } from "../lib/text/text.ts";
import { MAX_MODEL_BYTES } from "./ask.ts";
import type { ModelReply } from "./model.ts";

const CUT = "\n\n… (cut: the answer is longer than the setting max-message allows)";

/** No answer costs more. */
const MAX_TOKENS = 1_000_000_000;

/** Replaces what cannot be stored, cuts what is too long, and drops counts that are none. */
export const storableReply = (reply: ModelReply, maxBytes: number): ModelReply => ({
  text: shortened(storable(reply.text), maxBytes, CUT),
  model: storableModel(reply.model),
  inputTokens: tokenCount(reply.inputTokens),
  outputTokens: tokenCount(reply.outputTokens),
});

export const storableModel = (name: string): string => cleanName(name, MAX_MODEL_BYTES);

const tokenCount = (count: number | undefined): number | undefined =>
  count !== undefined && count >= 0 && count <= MAX_TOKENS ? Math.round(count) : undefined;
