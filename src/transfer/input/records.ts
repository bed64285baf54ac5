// The values of a JSON file, one at a time: the elements of its array, its lines, or the one document that it is. The
// array is cut between its elements here, in place of a streaming parser, because such a parser ends at the first fault.
// One broken element must not lose the others. Nor is a document lost that is cut off, or several in a row.
import { Readable } from "node:stream";
import { AppError } from "../../lib/errors.ts";
import { isDeep } from "../../lib/json/json.ts";
import { activitiesOf } from "./activity.ts";
import { type Bytes, peek } from "./bytes.ts";
import { lenientText, type Line, linesOf, type OnReplaced } from "./lines.ts";

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
  } else if (WEB_PAGE.test(head.toString("latin1"))) yield* activitiesOf(all, maxBytes);
  else yield* linesOrDocument(all, onReplaced, maxBytes);
}

/** The beginning of a web page. */
const WEB_PAGE = /^<(?:!doctype html|html)\b/i;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

const CUT_OFF = "is cut off: the file ends in it";

/** An element, or the reason why it is missing. */
interface Element {
  bytes?: Buffer;
  fault?: string;
}

/** The elements of an array; a text of several arrays, one after the other, is read as one, unless `isOne`. */
async function* elementsOf(
  bytes: Bytes,
  maxBytes: number,
  { isOne = false }: { isOne?: boolean } = {},
): AsyncGenerator<Element> {
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
      if (isEnd && isOne) return;
    }
    if (depth > 0) take(chunk.subarray(from));
  }
  if (depth > 0 && finish() !== undefined) yield { fault: CUT_OFF };
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
  if (first.every(({ fault }) => fault === undefined)) {
    yield* first;
    for await (const line of lines) yield* fromLine(line);
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
  const whole = texts.join("\n");
  const document = fromText(1, whole);
  if (document.fault === undefined) yield document;
  else yield* await fromBroken(whole, texts, document);
}

/** The readable parts of a text that is no document: objects one after the other, lines, or the elements of its list. */
async function fromBroken(
  whole: string,
  lines: readonly string[],
  document: FileRecord,
): Promise<readonly FileRecord[]> {
  const objects = objectsIn(whole);
  if (objects.length > 1 && objects.slice(0, -1).every(isRead)) return objects;
  const all = lines.flatMap((text, n) => fromLine({ number: n + 1, end: 0, text }));
  if (all.some(isRead)) return all;
  const elements = await elementsIn(whole);
  return [objects, elements].find((records) => records.some(isRead)) ?? [document];
}

const isRead = ({ fault }: FileRecord): boolean => fault === undefined;

/** Objects one after the other, with or without commas between them; none in any other text. */
function objectsIn(text: string): FileRecord[] {
  const found: FileRecord[] = [];
  let [depth, from, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (inString) {
      if (sign === "\\") at += 1;
      else if (sign === '"') inString = false;
    } else if (depth === 0 && sign !== "{") {
      if (sign !== "," && sign.trim() !== "") return [];
    } else if (sign === '"') inString = true;
    else if (sign === "{" || sign === "[") {
      if (depth === 0) from = at;
      depth += 1;
    } else if (sign === "}" || sign === "]") {
      depth -= 1;
      if (depth === 0) found.push(fromText(found.length + 1, text.slice(from, at + 1)));
    }
  }
  if (depth > 0) found.push({ number: found.length + 1, value: undefined, fault: CUT_OFF });
  return found;
}

/** Keys under which programs and tools keep a list of conversations. */
export const WRAPPERS = ["conversations", "chats", "data", "items", "history"] as const;

/** The beginning of a document up to such a list, behind simple values. */
const TO_LIST = new RegExp(
  String.raw`^\s*\{(?:\s*"[^"\\]*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)\s*,)*` +
    String.raw`\s*"(?:${WRAPPERS.join("|")})"\s*:\s*(?=\[)`,
);

/** Most characters before the list. */
const MAX_TO_LIST = 65_536;

/** The elements of the list in a document that is broken elsewhere, as when it is cut off. */
async function elementsIn(document: string): Promise<FileRecord[]> {
  const begin = TO_LIST.exec(document.slice(0, MAX_TO_LIST))?.[0].length;
  if (begin === undefined) return [];
  const bytes = Readable.from([Buffer.from(document.slice(begin))]);
  const records: FileRecord[] = [];
  for await (const { bytes: element, fault } of elementsOf(bytes, MAX_BYTES, { isOne: true })) {
    const number = records.length + 1;
    records.push(
      element === undefined
        ? { number, value: undefined, fault }
        : fromText(number, element.toString()),
    );
  }
  return records;
}

async function* rejoined(first: Line, others: AsyncIterable<Line>): AsyncGenerator<Line> {
  yield first;
  yield* others;
}

/** The value of a line, which a comma may follow, or its objects one after the other. */
function fromLine({ number, text, fault }: Line): FileRecord[] {
  if (fault !== undefined) return [{ number, value: undefined, fault }];
  const record = fromText(number, text);
  if (isRead(record) || !text.includes("}")) return [record];
  const objects = objectsIn(text);
  return objects.length > 0 && objects.every(isRead)
    ? objects.map(({ value }) => ({ number, value }))
    : [record];
}

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
