import { parsedJson } from "../../lib/json/parsed.ts";
// The body of an endpoint's answer as a stream of events that the AI SDK reads (events.ts), one line at a time.
import { newMemory, UNREADABLE, type Wire } from "./events.ts";
import { isWebPage, messageIn, saidIn } from "./said.ts";

type Fields = Record<string, unknown>;

const END = "data: [DONE]\n\n";
const IS_DONE = /^"?\[done\]"?$/i;
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i;
/** A line of a stream of events; any other line is a part of a whole answer. */
const EVENT_LINE = /^(?:(?:data|event|id|retry)\b|:|$)/;
const LINE_ENDS = /\r\n|\r|\n/;
/** Largest whole answer, in characters. */
const MAX_WHOLE = 32 * 1024 * 1024;
/** Most characters of an answer that are told as its fault, and most of its lines that are looked at for one. */
const MOST_SAID = 300;
const MOST_LINES = 50;

/** The response with readable events. A whole answer in place of a stream becomes one. */
export async function readableAnswer(response: Response, wire: Wire): Promise<Response> {
  if (!response.ok || !response.body) return response;
  const isWhole = JSON_TYPE.test(response.headers.get("content-type") ?? "");
  return isWhole ? fromWhole(response, wire) : fromStream(response, response.body, wire);
}

const fromStream = (response: Response, body: ReadableStream, wire: Wire): Response =>
  rebuilt(
    response,
    body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TransformStream(eventsOf(wire)))
      .pipeThrough(new TextEncoderStream()),
  );

async function fromWhole(response: Response, wire: Wire): Promise<Response> {
  const text = (await response.text()).slice(0, MAX_WHOLE);
  const value = parsed(text);
  if (value === undefined) return fromStream(response, new Response(text).body!, wire);
  const events = wire.whole(value);
  if (events !== undefined) return rebuilt(response, events.map(lineOf).join("") + END);
  throw new RefusalError(faultIn(text), text);
}

/** A refusal that was sent as a success: it has no status to tell. */
class RefusalError extends Error {
  readonly responseBody: string;

  constructor(said: string, responseBody: string) {
    super(said);
    this.responseBody = responseBody;
  }
}

/** Reads a stream line by line. An event may end with its line, in place of a blank one. */
function eventsOf(wire: Wire): Transformer<string, string> {
  let [rest, strayed, data, name] = ["", "", "", ""];
  let [hasEvents, isDone, isCut] = [false, false, false];
  const last: Fields[] = [];
  const memory = newMemory();
  const take = (text: string, value = parsed(text)): string => {
    data = "";
    hasEvents = true;
    if (IS_DONE.test(text)) {
      isDone = true;
      return wire.ending({ last, isDone }).map(lineOf).join("") + END;
    }
    if (value === undefined && name !== "error") {
      // The SDK reports text that is no JSON. Another value says nothing, and neither does what a cut has left.
      return isCut || parsedJson(text) !== undefined ? "" : linesOfData(text);
    }
    const event = value === undefined ? wire.failure(text) : wire.event(value, memory);
    if (event === undefined) return "";
    if (wire.isLast(event)) last.push(event);
    return lineOf(event);
  };
  const read = (line: string): string => {
    if (isDone) return "";
    if (line === "") {
      const event = data === "" ? "" : take(data);
      name = "";
      return event;
    }
    if (!EVENT_LINE.test(line)) {
      if (strayed.length < MAX_WHOLE) strayed += `${line}\n`;
    } else if (line.startsWith("event:")) name = line.slice("event:".length).trim();
    if (!line.startsWith("data:")) return "";
    const text = line.slice("data:".length).trim();
    const value = data === "" ? parsed(text) : undefined;
    if (value !== undefined || IS_DONE.test(text)) return take(text, value);
    if (text !== "" && data.length < MAX_WHOLE) data += `${data === "" ? "" : "\n"}${text}`;
    return "";
  };
  return {
    transform(chunk, out) {
      // A return at the end of a chunk may be half of a line's end.
      const ends = Math.max(chunk.lastIndexOf("\n"), chunk.slice(0, -1).lastIndexOf("\r")) + 1;
      if (ends === 0) return void (rest += chunk);
      const lines = (rest + chunk.slice(0, ends)).split(LINE_ENDS).slice(0, -1);
      rest = chunk.slice(ends);
      out.enqueue(lines.map(read).join(""));
    },
    flush(out) {
      isCut = true;
      out.enqueue([...rest.split(LINE_ENDS), ""].map(read).join(""));
      if (isDone) return;
      const events =
        hasEvents || strayed === "" ? wire.ending({ last, isDone }) : strayedEvents(strayed, wire);
      out.enqueue(events.map(lineOf).join("") + END);
    },
  };
}

/** An answer in place of a stream of events, or what is wrong with it. */
const strayedEvents = (text: string, wire: Wire): Fields[] =>
  wire.whole(parsed(text) ?? {}) ?? [wire.failure(faultIn(text))];

/** What is wrong with an answer that is none, in its own words if it has some. */
function faultIn(text: string): string {
  if (isWebPage(text)) return "It answered with a web page. Is --model-url right? Most end in /v1.";
  const values = [text, ...text.split("\n", MOST_LINES)].map(parsed).filter(Boolean);
  const said = values.map((value) => messageIn(value)).find(Boolean);
  if (said !== undefined) return said;
  if (values.length > 0) return "It answered with JSON that is no answer.";
  return `It answered with text that is no answer: ${saidIn(text)?.slice(0, MOST_SAID)}`;
}

const linesOfData = (text: string): string => `data: ${text.replaceAll("\n", "\ndata: ")}\n\n`;

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
