// What an answer cost, as endpoints tell it: they put in fractions, texts or numbers beyond all measure, and a count that
// cannot be read must not cost the answer, which was paid for.

/** Stands for a count that cannot be read; whoever stores counts drops what is below zero. */
const UNREADABLE = -1;

const NEWLINE = "\n";

/** The answer with the counts in its events made readable. What is no stream of events stays as it is. */
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

/** A line with counts is written anew; what is no JSON is somebody else's to complain about. */
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
