// Events of a streamed answer in the form that the AI SDK reads. Endpoints send events that it does not know, errors of any
// form, counts that are no numbers, and streams without an end. What has one meaning is taken.
import { isObject } from "../../lib/json/objects.ts";
import { messageIn } from "./said.ts";

type Fields = Record<string, unknown>;

/** What earlier events of a stream said. */
export interface Memory {
  isRefusal: boolean;
  /** Numbers of the blocks that are left out. */
  leftOut: Set<unknown>;
}

export const newMemory = (): Memory => ({ isRefusal: false, leftOut: new Set() });

/** Stands for an unreadable count of tokens; counts below zero are not stored. */
export const UNREADABLE = -1;

/** The form of one kind of endpoint. */
export interface Wire {
  /** The event as the SDK reads it; undefined for one that means nothing here. `memory` is the stream's. */
  event(value: Fields, memory: Memory): Fields | undefined;
  /** A whole answer as the events of a stream; undefined for what is no answer. */
  whole(value: Fields): Fields[] | undefined;
  /** An event that says why there is no answer. */
  failure(message: string): Fields;
  /** What is missing at the end of a stream, after these events. */
  ending(events: { last: readonly Fields[]; isDone: boolean }): Fields[];
  /** True for an event that a complete stream has at its end. */
  isLast(value: Fields): boolean;
}

const fieldsOf = (value: unknown): Fields => (isObject(value) ? value : {});

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

/** True for an event that is the failure itself, without a field `error`. A `code` of 0 is a success. */
const isError = ({ object, type, choices, code, ...said }: Fields): boolean =>
  [object, type].includes("error") ||
  (type === undefined && code !== 0 && !isFilled(choices) && messageIn(said) !== undefined);

const isFilled = (list: unknown): boolean => Array.isArray(list) && list.length > 0;

/** The fields that count. The SDK would refuse the answer for the kind of any other. */
const counting = (choices: readonly Fields[], usage: unknown): Fields => ({
  choices,
  ...(isObject(usage) && { usage }),
});

const openAiFailure = (message: string): Fields => ({ error: { message } });

export const openAiWire: Wire = {
  failure: openAiFailure,
  event({ error, ...value }, memory) {
    const { usage } = value;
    const choices = Array.isArray(value["choices"]) ? value["choices"].map(fieldsOf) : undefined;
    const fault = error || choices?.find((choice) => choice["error"])?.["error"];
    if (fault || isError(value))
      return openAiFailure(messageIn(fault) ?? messageIn(value) ?? "It gave no reason.");
    if (choices === undefined && usage === undefined) return undefined;
    return counting(
      (choices ?? []).map((choice) => openAiChoice(choice, memory)),
      usage,
    );
  },
  whole({ choices, usage }) {
    if (!Array.isArray(choices) || choices.length === 0) return undefined;
    const [first] = choices.map(fieldsOf);
    const { message, finish_reason = "stop", text } = first!;
    const delta = message ?? { content: text };
    return [counting([openAiChoice({ delta, finish_reason }, newMemory())], usage)];
  },
  // `[DONE]` ends an answer, also of endpoints that give no reason.
  ending({ last, isDone }) {
    if (last.length > 0) return [];
    return [
      isDone
        ? { choices: [{ index: 0, delta: {}, [FINISHED]: "stop" }] }
        : openAiFailure(BROKE_OFF),
    ];
  },
  isLast: ({ choices, error }) =>
    error !== undefined ||
    (Array.isArray(choices) &&
      choices.some((choice) => typeof fieldsOf(choice)[FINISHED] === "string")),
};

function openAiChoice({ delta, message, index = 0, ...choice }: Fields, memory: Memory): Fields {
  const { content, refusal, role } = fieldsOf(delta ?? message);
  const text = textOf(content) || textOf(refusal) || textOf(choice["text"]);
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

const anthropicFailure = (message: string): Fields => ({
  type: "error",
  error: { type: "api_error", message },
});

/**
 * An event with what counts, in the kinds that the SDK knows: it would refuse the whole answer for a field of another kind.
 * Undefined for blocks and pieces of other kinds, which are no text of the answer.
 */
function anthropicEvent(value: Fields, { leftOut }: Memory): Fields | undefined {
  const { type, index } = value;
  if (type === "message_start") {
    const { usage } = fieldsOf(value["message"]);
    return { type, message: { ...NOTHING_YET, usage: countsOf(usage, "input_tokens") } };
  }
  if (type === "message_delta") {
    const { stop_reason } = fieldsOf(value["delta"]);
    return endOf(stop_reason, value["usage"]);
  }
  if (type === "content_block_start") {
    const { type: kind } = fieldsOf(value["content_block"]);
    if (kind === "text" || kind === "thinking") {
      leftOut.delete(index);
      return { type, index, content_block: { type: kind, [kind]: "" } };
    }
    leftOut.add(index);
  }
  if (type !== "content_block_delta") return leftOut.has(index) ? undefined : { type, index };
  const { type: kind, ...piece } = fieldsOf(value["delta"]);
  const field = PIECES[String(kind)];
  if (leftOut.has(index) || field === undefined || typeof piece[field] !== "string")
    return undefined;
  return { type, index, delta: { type: kind, [field]: piece[field] } };
}

const endOf = (reason: unknown, usage: unknown): Fields => ({
  type: "message_delta",
  delta: { stop_reason: textOf(reason) || "end_turn", stop_sequence: null },
  usage: countsOf(usage, "output_tokens"),
});

/** An answer at its beginning. */
const NOTHING_YET = {
  ...{ id: "msg", type: "message", role: "assistant", model: "model" },
  ...{ content: [], stop_reason: null, stop_sequence: null },
};

/** Kinds of pieces, and the field of each. */
const PIECES: Readonly<Record<string, string>> = { text_delta: "text", thinking_delta: "thinking" };

/** The counts of tokens, with the one that is needed. */
const countsOf = (usage: unknown, needed: string): Fields => ({
  [needed]: UNREADABLE,
  ...Object.fromEntries(
    Object.entries(fieldsOf(usage)).filter(
      ([name, count]) => name.endsWith("_tokens") && typeof count === "number",
    ),
  ),
});

export const anthropicWire: Wire = {
  failure: anthropicFailure,
  event(value, memory) {
    if (value["type"] === "error" || (!("type" in value) && value["error"])) {
      const { error } = value;
      const { type = "api_error" } = fieldsOf(error);
      const message = messageIn(error) ?? messageIn(value["message"]) ?? "It gave no reason.";
      return { type: "error", error: { type, message } };
    }
    return ANTHROPIC_EVENTS.has(value["type"]) ? anthropicEvent(value, memory) : undefined;
  },
  whole(value) {
    if (!Array.isArray(value["content"])) return undefined;
    const { content, stop_reason, usage } = value;
    const text = textOf(content) ?? "";
    return [
      {
        type: "message_start",
        message: { ...NOTHING_YET, usage: countsOf(usage, "input_tokens") },
      },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
      { type: "content_block_stop", index: 0 },
      endOf(stop_reason, usage),
      { type: "message_stop" },
    ];
  },
  ending: ({ last }) => (last.length === 0 ? [anthropicFailure(BROKE_OFF)] : []),
  isLast: ({ type }) => type === "message_stop" || type === "error",
};
