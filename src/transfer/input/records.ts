// The values of a JSON file, one at a time: the elements of its array, its lines, or the one document that it is. The
// array is cut between its elements here, in place of a streaming parser, because such a parser ends at the first fault.
// One broken element must not lose the others.
import { AppError } from "../../lib/errors.ts";
import { isDeep } from "../../lib/json/json.ts";
import { type Bytes, peek } from "./bytes.ts";
import { lenientText, type Line, linesOf } from "./lines.ts";

export interface FileRecord {
  /** Number within the file: 1, 2, 3 … */
  number: number;
  value: unknown;
  /** The reason why the value is missing. */
  fault?: string | undefined;
}

export type Records = AsyncIterable<FileRecord>;

/** Largest value in bytes. It is in memory several times while it is read. */
const MAX_BYTES = 256 * 1024 * 1024;
/** Deepest nesting; deeper text takes many times its size in memory. */
const MAX_DEPTH = 1_000;

/** Called with the number of replaced characters. */
export type OnReplaced = (count: number) => void;

/** @throws AppError `limit` for a document that is too large */
export async function* recordsOf(
  bytes: Bytes,
  onReplaced: OnReplaced,
  maxBytes = MAX_BYTES,
): AsyncGenerator<FileRecord> {
  const { head, all } = await peek(bytes);
  if (head[0] === OPEN_BRACKET) {
    let number = 0;
    for await (const { bytes: element, fault } of elementsOf(all, maxBytes)) {
      number += 1;
      yield element === undefined
        ? { number, value: undefined, fault }
        : fromText(number, lenientText(element, onReplaced));
    }
  } else yield* linesOrDocument(all, onReplaced, maxBytes);
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** An element, or the reason why it is missing. */
interface Element {
  bytes?: Buffer;
  fault?: string;
}

/** The elements of an array; a text of several arrays, one after the other, is read as one. */
async function* elementsOf(bytes: Bytes, maxBytes: number): AsyncGenerator<Element> {
  let [depth, inString, isEscaped] = [0, false, false];
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer): void => {
    size += part.length;
    if (size <= maxBytes) parts.push(part);
    else parts = [];
  };
  const finish = (): Element | undefined => {
    const [text, length] = [Buffer.concat(parts), size];
    [parts, size] = [[], 0];
    if (length > maxBytes)
      return { fault: `is ${length} bytes long; at most ${maxBytes} can be read` };
    return isBlank(text) ? undefined : { bytes: text };
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const code = chunk[at]!;
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (code === BACKSLASH) isEscaped = true;
        else if (code === QUOTE) inString = false;
        continue;
      }
      if (code === QUOTE) inString = true;
      else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
        depth += 1;
        if (depth === 1) from = at + 1;
        continue;
      } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth -= 1;
      const isEnd = depth === 0 && (code === CLOSE_BRACKET || code === CLOSE_BRACE);
      if (!isEnd && !(depth === 1 && code === COMMA)) continue;
      take(chunk.subarray(from, at));
      from = at + 1;
      const element = finish();
      if (element !== undefined) yield element;
    }
    if (depth > 0) take(chunk.subarray(from));
  }
  if (depth > 0 && finish() !== undefined) yield { fault: "is cut off: the file ends in it" };
}

const isBlank = (text: Buffer): boolean => text.length < 1_000 && text.toString().trim() === "";

async function* linesOrDocument(
  bytes: Bytes,
  onReplaced: OnReplaced,
  maxBytes: number,
): AsyncGenerator<FileRecord> {
  const lines = linesOf(bytes, maxBytes, { onReplaced });
  const begun = await lines.next();
  if (begun.done === true) return;
  const first = fromLine(begun.value);
  if (first.fault === undefined) {
    yield first;
    for await (const line of lines) yield fromLine(line);
    return;
  }
  // A document over several lines, or lines of which the first is broken.
  const texts: string[] = [];
  let size = 0;
  for await (const { text, fault } of rejoined(begun.value, lines)) {
    size += text.length;
    if (fault !== undefined || size > maxBytes)
      throw new AppError("limit", `A document in the file is larger than ${maxBytes} bytes.`);
    texts.push(text);
  }
  const document = fromText(1, texts.join("\n"));
  const all = document.fault === undefined ? [] : texts.map((text, n) => fromText(n + 1, text));
  if (all.every(({ fault }) => fault)) yield document;
  else yield* all;
}

async function* rejoined(first: Line, others: AsyncIterable<Line>): AsyncGenerator<Line> {
  yield first;
  yield* others;
}

const fromLine = ({ number, text, fault }: Line): FileRecord =>
  fault === undefined ? fromText(number, text) : { number, value: undefined, fault };

function fromText(number: number, text: string): FileRecord {
  const broken = (fault: string): FileRecord => ({ number, value: undefined, fault });
  if (isDeep(text, MAX_DEPTH)) return broken(`is nested more than ${MAX_DEPTH} deep`);
  try {
    return { number, value: JSON.parse(text) as unknown };
  } catch (error) {
    const where = error instanceof SyntaxError ? /at position \d+/.exec(error.message) : null;
    return broken(`is not JSON${where ? ` (${where[0]})` : ""}`);
  }
}
