// The words of an endpoint's refusal. Every kind of endpoint has a form of its own for them.

/** Longest text that is read. */
const MAX_CHARACTERS = 64_000;

/** Names of a message, and of what holds it. */
const KEYS = [
  ...["error", "message", "msg", "detail", "errors", "error_description", "title"],
  ...["base_resp", "status_msg"], // MiniMax
];

/** The message in a body, or in the `error` of an event; undefined when it has none. */
export function messageIn(value: unknown, depth = 0): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value;
  if (typeof value !== "object" || value === null || depth > 4) return undefined;
  if (Array.isArray(value)) {
    const all = value.map((one) => messageIn(one, depth + 1)).filter((one) => one !== undefined);
    return all.length === 0 ? undefined : all.slice(0, 5).join("; ");
  }
  const fields = value as Record<string, unknown>;
  // `loc` and `msg`: FastAPI names the field beside what is wrong with it.
  const place = Array.isArray(fields["loc"]) ? `${fields["loc"].join(".")}: ` : "";
  for (const key of KEYS) {
    const found = messageIn(fields[key], depth + 1);
    if (found !== undefined) return place + found;
  }
  return undefined;
}

export const isWebPage = (text: string): boolean => /^\s*<(?:!doctype|html)\b/i.test(text);

/** What a body says: the message in its JSON, or its text. */
export function saidIn(body: string): string | undefined {
  const text = body.slice(0, MAX_CHARACTERS).trim();
  try {
    return messageIn(JSON.parse(text)) ?? (text === "{}" || text === "" ? undefined : text);
  } catch {
    const plain = isWebPage(text)
      ? text.replace(/<(style|script)\b[\s\S]*?<\/\1>|<[^>]*>/gi, " ")
      : text;
    return plain.replace(/\s+/g, " ").trim() || undefined;
  }
}
