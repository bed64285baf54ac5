// The lines of a file of any size, one at a time: strict UTF-8, bounded length, with their places.
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import type { Bytes } from "./bytes.ts";

export interface Line {
  /** Number within the file: 1, 2, 3 … */
  number: number;
  /** Offset of the next line, in bytes. */
  end: number;
  /** The text, without its line break. */
  text: string;
  /** The reason why the text is missing. */
  fault?: string;
}

/** The place to begin reading: the end of an earlier line. */
export interface Place {
  number: number;
  end: number;
}

const NEWLINE = 0x0a;
const CHUNK = 256 * 1024; // bytes
const BYTE_ORDER_MARK = /^\uFEFF/;

/** The lines of a file behind `after`, up to the offset `until`. */
export const readLines = (
  file: string,
  maxBytes: number,
  after: Place = { number: 0, end: 0 },
  until = Infinity,
): AsyncGenerator<Line> =>
  linesOf(
    createReadStream(file, { start: after.end, end: until - 1, highWaterMark: CHUNK }),
    maxBytes,
    { after },
  );

/** Called with the number of characters that were replaced. */
export type OnReplaced = (count: number) => void;

export interface LineOptions {
  /** Default: the beginning of the file. */
  after?: Place;
  /** For bytes that are no UTF-8; without it they are a fault. */
  onReplaced?: OnReplaced;
}

/** The lines, without empty ones. A line over `maxBytes` is never kept in memory; its `fault` says so. */
export async function* linesOf(
  bytes: Bytes,
  maxBytes: number,
  { after = { number: 0, end: 0 }, onReplaced }: LineOptions = {},
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let { number, end } = after;
  let parts: Buffer[] = [];
  let size = 0;

  const finish = (rest: Buffer, withBreak: boolean): Line | undefined => {
    size += rest.length;
    const line: Line = {
      number: (number += 1),
      end: (end += size + (withBreak ? 1 : 0)),
      text: "",
    };
    if (size > maxBytes) {
      line.fault = `is ${size} bytes long; with these settings no line is longer than ${maxBytes}.`;
    } else {
      const text = Buffer.concat([...parts, rest]);
      try {
        line.text = decoder.decode(text).replace(/\r$/, "");
      } catch {
        if (onReplaced === undefined) line.fault = "is not UTF-8 text.";
        else line.text = lenientText(text, onReplaced);
      }
    }
    if (number === 1) line.text = line.text.replace(BYTE_ORDER_MARK, "");
    parts = [];
    size = 0;
    return line.text.trim() === "" && line.fault === undefined ? undefined : line;
  };

  for await (const data of bytes) {
    let from = 0;
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, from)) {
      const line = finish(data.subarray(from, at), true);
      from = at + 1;
      if (line !== undefined) yield line;
    }
    const rest = data.subarray(from);
    size += rest.length;
    if (size <= maxBytes) parts.push(rest);
    else parts = [];
  }
  const last = size > 0 ? finish(Buffer.alloc(0), false) : undefined;
  if (last !== undefined) yield last;
}

/** Text with U+FFFD for bytes that are no UTF-8; `onReplaced` gets their number. */
export function lenientText(bytes: Buffer, onReplaced: OnReplaced): string {
  const text = bytes.toString("utf8");
  if (!isUtf8(bytes)) onReplaced(text.split("\uFFFD").length - 1);
  return text;
}
