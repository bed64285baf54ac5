// The lines of a file of any size, one at a time: strict UTF-8, bounded length, with their places.
import { createReadStream } from "node:fs";

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

/**
 * The lines behind `after`, without empty ones. A line over `maxBytes` is never kept in memory; its `fault` says so.
 */
export async function* readLines(
  file: string,
  maxBytes: number,
  after: Place = { number: 0, end: 0 },
): AsyncGenerator<Line> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let { number, end } = after;
  let parts: Buffer[] = [];
  let bytes = 0;

  const finish = (rest: Buffer, withBreak: boolean): Line | undefined => {
    bytes += rest.length;
    const line: Line = {
      number: (number += 1),
      end: (end += bytes + (withBreak ? 1 : 0)),
      text: "",
    };
    if (bytes > maxBytes) {
      line.fault = `is ${bytes} bytes long; with these settings no line is longer than ${maxBytes}.`;
    } else {
      try {
        line.text = decoder.decode(Buffer.concat([...parts, rest])).replace(/\r$/, "");
      } catch {
        line.fault = "is not UTF-8 text.";
      }
    }
    if (number === 1) line.text = line.text.replace(BYTE_ORDER_MARK, "");
    parts = [];
    bytes = 0;
    return line.text.trim() === "" && line.fault === undefined ? undefined : line;
  };

  for await (const chunk of createReadStream(file, { start: end, highWaterMark: CHUNK })) {
    let from = 0;
    const data = chunk as Buffer;
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, from)) {
      const line = finish(data.subarray(from, at), true);
      from = at + 1;
      if (line !== undefined) yield line;
    }
    const rest = data.subarray(from);
    bytes += rest.length;
    if (bytes <= maxBytes) parts.push(rest);
    else parts = [];
  }
  const last = bytes > 0 ? finish(Buffer.alloc(0), false) : undefined;
  if (last !== undefined) yield last;
}
