// Repairs the token counts of endpoints, which may be fractions, texts or absurdly large. An unreadable count must not
// cost the answer, which was paid for.

/** Stands for an unreadable count; counts below zero are not stored. */
const UNREADABLE = -1;

const NEWLINE = "\n";

/** The response with readable counts in its events. A response without a stream of events is unchanged. */
export function withReadableUsage(response: Response): Response {
  if (!response.ok || !response.body) return response;
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
  let rest = "";
  const lines = new TransformStream<string, string>({
    transform(chunk, out) {
      const end = chunk.lastIndexOf(NEWLINE) + 1;
      if (end === 0) return void (rest += chunk);
      const whole = rest + chunk.slice(0, end);
      rest = chunk.slice(end);
      out.enqueue(whole.split(NEWLINE).map(readable).join(NEWLINE));
    },
    flush: (out) => out.enqueue(readable(rest)),
  });
  const body = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(lines)
    .pipeThrough(new TextEncoderStream());
  const { status, statusText, headers } = response;
  return new Response(body, { status, statusText, headers });
}

/** Rewrite a line with counts; leave a line that is no JSON to the SDK, which reports it. */
function readable(line: string): string {
  if (!line.startsWith("data:") || !line.includes("_tokens")) return line;
  try {
    return `data: ${JSON.stringify(JSON.parse(line.slice("data:".length), count))}`;
  } catch {
    return line;
  }
}

const count = (key: string, value: unknown): unknown =>
  key.endsWith("_tokens") && typeof value !== "object" && !Number.isFinite(value)
    ? UNREADABLE
    : value;
