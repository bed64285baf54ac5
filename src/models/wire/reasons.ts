// The reasons that endpoints give for the end of an answer, in one vocabulary.

const SAME: Readonly<Record<string, readonly string[]>> = {
  length: [
    ...["length", "max_tokens", "max_output_tokens", "model_length"],
    ...["context_length_exceeded", "model_context_window_exceeded"],
  ],
  content_filter: [
    ...["content_filter", "content-filter", "safety", "recitation", "sensitive"],
    ...["blocklist", "prohibited_content", "spii"],
  ],
  refusal: ["refusal"],
  tool_calls: ["tool_calls", "tool-calls", "function_call", "tool_use"],
};

const REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries(SAME).flatMap(([reason, names]) => names.map((name) => [name, reason] as const)),
);

/** Ends of a complete answer. */
const COMPLETE = /^(?:(?:stop|eos|end|completed?|done|finish(?:ed)?|normal)(?:_\w+)?|null|none)?$/;
/** Ends of an answer that the endpoint could not complete. */
const FAILURES = ["error", "insufficient_system_resource", "network_error"];
/** A reason that can be shown. */
const SHOWN = /^[\w .:-]{1,60}$/;

export const isFailure = (reason: string): boolean => FAILURES.includes(reason.toLowerCase());

/** Why an answer ended before its end, `length` for each endpoint's `max_tokens`; undefined for one that is complete. */
export function earlyEnd(reason: string): string | undefined {
  const name = reason.trim().toLowerCase();
  if (COMPLETE.test(name)) return undefined;
  return REASONS.get(name) ?? (SHOWN.test(name) ? name : "other");
}
