// Requests that an endpoint refuses because of a part that it does not know. The request is repaired and sent again, once for
// each repair; later requests to the endpoint are repaired at once.

type Body = Record<string, unknown>;

export interface Repair {
  /** True for a refusal that names the part. */
  isMeant(said: string, body: Body): boolean;
  apply(body: Body): Body;
}

const MAX_TOKENS = "max_tokens";
const STREAM_OPTIONS = "stream_options";

interface Said {
  role: string;
  content: unknown;
}

/** Repairs of chat completions. */
export const openAiRepairs: readonly Repair[] = [
  {
    isMeant: (said, body) => STREAM_OPTIONS in body && /stream_options|include_usage/.test(said),
    apply: ({ [STREAM_OPTIONS]: _, ...body }) => body,
  },
  {
    isMeant: (said, body) => MAX_TOKENS in body && said.includes("max_completion_tokens"),
    apply: ({ [MAX_TOKENS]: max_completion_tokens, ...body }) => ({
      ...body,
      max_completion_tokens,
    }),
  },
  {
    // Templates of local models: one system message, then user and assistant in turns.
    isMeant: (said, body) =>
      Array.isArray(body["messages"]) &&
      /\balternat|system message must be|roles? must/i.test(said),
    apply: (body) => ({ ...body, messages: alternating(body["messages"] as Said[]) }),
  },
];

/** Messages in turns: those of one side that follow each other are joined, and notes are the user's. */
function alternating(messages: readonly Said[]): Said[] {
  const joined: Said[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    const side = role === "assistant" || (role === "system" && index === 0) ? role : "user";
    const text = role === "system" && index > 0 ? `[system]\n${asText(content)}` : content;
    const before = joined.at(-1);
    if (before?.role === side) before.content = `${asText(before.content)}\n\n${asText(text)}`;
    else joined.push({ role: side, content: text });
  }
  return joined;
}

const asText = (content: unknown): string =>
  typeof content === "string" ? content : JSON.stringify(content);
