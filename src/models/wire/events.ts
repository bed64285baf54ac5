// Events of a streamed answer in the form that the AI SDK reads. Endpoints send events that it does not know, errors of any
// form, counts that are no numbers, and streams without an end. What has one meaning is taken.
import { messageIn } from "./said.ts";

type Fields = Record<string, unknown>;

/** What earlier events of a stream said. */
export interface Memory {
  isRefusal: boolean;
}

/** The form of one kind of endpoint. */
export interface Wire {
  /** The event as the SDK reads it; undefined for one that means nothing here. `memory` is the stream's. */
  event(value: Fields, memory: Memory): Fields | undefined;
  /** A whole answer as the events of a stream; undefined for what is no answer. */
  whole(value: Fields): Fields[] | undefined;
  /** What is missing at the end of a stream, after these events. */
  ending(events: { last: readonly Fields[]; isDone: boolean }): Fields[];
  /** True for an event that a complete stream has at its end. */
  isLast(value: Fields): boolean;
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};

const BROKE_OFF = "The answer broke off: the stream ended early.";

/** Text of a message, whose content may be a list of parts. Parts of thoughts are left out. */
function textOf(content: unknown): string | undefined {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return undefined;
  return content
    .map(fieldsOf)
    .filter(({ type }) => type === undefined || type === "text" || type === "output_text")
    .map(({ text }) => (typeof text === "string" ? text : ""))
    .join("");
}

const FINISHED = "finish_reason";

/** True for an event that is the failure itself, without a field `error`. */
const isError = ({ object, type, choices, message, detail }: Fields): boolean =>
  [object, type].includes("error") ||
  (type === undefined && !choices && [message, detail].some((said) => messageIn(said)));

export const openAiWire: Wire = {
  event({ error, ...value }, memory) {
    const { choices, usage } = value;
    if (error || isError(value))
      return { error: { message: messageIn(error) ?? messageIn(value) ?? "It gave no reason." } };
    if (!Array.isArray(choices)) return usage === undefined ? undefined : { ...value, choices: [] };
    return { ...value, choices: choices.map((choice) => openAiChoice(fieldsOf(choice), memory)) };
  },
  whole({ choices, error, ...value }) {
    if (!Array.isArray(choices) || choices.length === 0) return undefined;
    const [first] = choices.map(fieldsOf);
    const { message, finish_reason = "stop", text } = first!;
    const delta = message ?? { content: text };
    return [{ ...value, choices: [openAiChoice({ delta, finish_reason }, { isRefusal: false })] }];
  },
  // `[DONE]` ends an answer, also of endpoints that give no reason.
  ending({ last, isDone }) {
    if (last.length > 0) return [];
    return [
      isDone
        ? { choices: [{ index: 0, delta: {}, [FINISHED]: "stop" }] }
        : { error: { message: BROKE_OFF } },
    ];
  },
  isLast: ({ choices, error }) =>
    error !== undefined ||
    (Array.isArray(choices) &&
      choices.some((choice) => typeof fieldsOf(choice)[FINISHED] === "string")),
};

function openAiChoice({ delta, message, index = 0, ...choice }: Fields, memory: Memory): Fields {
  const { content, refusal, role } = fieldsOf(delta ?? message);
  const text = textOf(content) || textOf(refusal);
  memory.isRefusal ||= typeof refusal === "string" && refusal !== "";
  // A refusal is the model's text, with a reason of its own.
  const reason = choice[FINISHED];
  return {
    ...{ index, delta: { ...(role === "assistant" && { role }), ...(text && { content: text }) } },
    [FINISHED]:
      typeof reason !== "string"
        ? null
        : memory.isRefusal && reason === "stop"
          ? "refusal"
          : reason,
  };
}

const ANTHROPIC_EVENTS: ReadonlySet<unknown> = new Set([
  ...["message_start", "message_delta", "message_stop", "ping", "error"],
  ...["content_block_start", "content_block_delta", "content_block_stop"],
]);

const anthropicError = (message: string): Fields => ({
  type: "error",
  error: { type: "api_error", message },
});

export const anthropicWire: Wire = {
  event(value) {
    if (value["type"] === "error" || (!("type" in value) && value["error"])) {
      const { error } = value;
      const { type = "api_error" } = fieldsOf(error);
      const message = messageIn(error) ?? messageIn(value["message"]) ?? "It gave no reason.";
      return { type: "error", error: { type, message } };
    }
    return ANTHROPIC_EVENTS.has(value["type"]) ? value : undefined;
  },
  whole(value) {
    if (!Array.isArray(value["content"])) return undefined;
    const { content, stop_reason = "end_turn", stop_sequence = null, usage = {} } = value;
    const text = textOf(content) ?? "";
    return [
      {
        type: "message_start",
        message: {
          ...{ id: "msg", type: "message", role: "assistant", model: "model", ...value },
          ...{ content: [], stop_reason: null, stop_sequence: null },
          usage: { input_tokens: 0, output_tokens: 0, ...fieldsOf(usage) },
        },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      { type: "content_block_stop", index: 0 },
      {
        type: "message_delta",
        delta: { stop_reason, stop_sequence },
        usage: { output_tokens: 0, ...fieldsOf(usage) },
      },
      { type: "message_stop" },
    ];
  },
  ending: ({ last }) => (last.length === 0 ? [anthropicError(BROKE_OFF)] : []),
  isLast: ({ type }) => type === "message_stop" || type === "error",
};
