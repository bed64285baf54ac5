// The body of an endpoint's answer as a stream of events that the AI SDK reads (events.ts), one line at a time.
import type { Wire } from "./events.ts";
import { messageIn } from "./said.ts";

type Fields = Record<string, unknown>;

/** Stands for an unreadable count of tokens; counts below zero are not stored. */
const UNREADABLE = -1;
const NEWLINE = "\n";
const DONE = "[DONE]";
const END = `data: ${DONE}\n\n`;
/** A line of a stream of events; any other line is a part of a whole answer. */
const EVENT_LINE = /^(?:(?:data|event|id|retry)\b|:|$)/;
/** Largest whole answer, in characters. */
const MAX_WHOLE = 32 * 1024 * 1024;

/** The response with readable events. A whole answer in place of a stream becomes one. */
export async function readableAnswer(response: Response, wire: Wire): Promise<Response> {
  if (!response.ok || !response.body) return response;
  const type = response.headers.get("content-type") ?? "";
  if (type.startsWith("application/json")) return fromWhole(response, wire);
  return rebuilt(
    response,
    response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TransformStream(linesOf(wire)))
      .pipeThrough(new TextEncoderStream()),
  );
}

async function fromWhole(response: Response, wire: Wire): Promise<Response> {
  const text = (await response.text()).slice(0, MAX_WHOLE);
  const value = parsed(text);
  if (value === undefined) return rebuilt(response, text);
  const events = wire.whole(value);
  if (events !== undefined) return rebuilt(response, events.map(lineOf).join("") + END);
  // Some endpoints answer 200 to what they refuse.
  const said = messageIn(value) ?? "It answered with JSON that is no answer.";
  return new Response(JSON.stringify({ error: { message: said } }), { status: 400 });
}

function linesOf(wire: Wire): Transformer<string, string> {
  let rest = "";
  let isDone = false;
  let strayed = "";
  const last: Fields[] = [];
  const memory = { isRefusal: false };
  const take = (line: string): string => {
    const text = line.replace(/\r$/, "");
    if (!EVENT_LINE.test(text) && strayed.length < MAX_WHOLE) {
      strayed += `${text}\n`;
      return "";
    }
    if (!text.startsWith("data:")) return line;
    const data = text.slice("data:".length).trim();
    if (data === "") return "";
    if (data === DONE) {
      isDone = true;
      return wire.ending({ last, isDone }).map(lineOf).join("") + line;
    }
    const value = parsed(data);
    if (value === undefined) return line; // no JSON: the SDK reports it
    const event = wire.event(value, memory);
    if (event === undefined) return "";
    if (wire.isLast(event)) last.push(event);
    return `data: ${JSON.stringify(event)}`;
  };
  return {
    transform(chunk, out) {
      const ends = chunk.lastIndexOf(NEWLINE) + 1;
      if (ends === 0) return void (rest += chunk);
      const lines = (rest + chunk.slice(0, ends)).split(NEWLINE);
      rest = chunk.slice(ends);
      out.enqueue(lines.map(take).join(NEWLINE));
    },
    flush(out) {
      out.enqueue(take(rest));
      const whole = last.length === 0 ? wire.whole(parsed(strayed) ?? {}) : undefined;
      if (whole !== undefined) out.enqueue(`\n\n${whole.map(lineOf).join("")}${END}`);
      else if (!isDone) out.enqueue(`\n\n${wire.ending({ last, isDone }).map(lineOf).join("")}`);
    },
  };
}

const lineOf = (event: Fields): string =>
  `${typeof event["type"] === "string" ? `event: ${event["type"]}\n` : ""}data: ${JSON.stringify(event)}\n\n`;

/** The object, with counts that can be read; undefined for what is none. */
function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text, count);
    return typeof value === "object" && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

const count = (key: string, value: unknown): unknown =>
  key.endsWith("_tokens") && typeof value !== "object" && !Number.isFinite(value)
    ? UNREADABLE
    : value;

function rebuilt(
  { status, statusText, headers }: Response,
  body: string | ReadableStream,
): Response {
  const own = new Headers(headers);
  own.set("content-type", "text/event-stream");
  for (const name of ["content-length", "content-encoding"]) own.delete(name);
  return new Response(body, { status, statusText, headers: own });
}
