// Reader for Holdfast's own export. The first pass checks the whole file, line by line, and notes each session's
// place. An import reads each session again from its place, so nothing stays in memory.
import { AppError } from "../../lib/errors.ts";
import type { Faults } from "../faults.ts";
import { type Header, type Incoming, SessionCheck, type TransferLimits } from "../incoming.ts";
import { type Line, type OnReplaced, type Place, readLines } from "../input/lines.ts";
import type { Content } from "../store.ts";
import { type Entry, parseLine } from "./jsonl.ts";

/** The longest line that the limits allow: a JSON escape takes six bytes per character. */
const longestLine = ({ maxMessageBytes, maxValueBytes }: TransferLimits): number =>
  6 * Math.max(maxMessageBytes, maxValueBytes, 64_000) + 16_000;

/** The session whose lines are being read. */
interface Current {
  header: Header | undefined;
  check: SessionCheck;
  begins: Place;
  /** Number of faults before this session. */
  faults: number;
}

export interface Watcher {
  /** Called with the number of bytes checked so far. */
  onBytes?: ((bytes: number) => void) | undefined;
  onReplaced?: OnReplaced | undefined;
  /** The file's name before the numbers of its lines, where several files are imported. */
  file?: string | null;
}

/** Checks the file and returns its sessions. */
export async function readHoldfastFile(
  file: string,
  limits: TransferLimits,
  faults: Faults,
  { onBytes, onReplaced, file: name = null }: Watcher = {},
): Promise<Incoming[]> {
  const placeOf = (number: number): string => `${name === null ? "" : `${name}: `}line ${number}`;
  const sessions: Incoming[] = [];
  const ids = new Set<string>();
  let current: Current | undefined;
  let last: Line | undefined;

  const open = (line: Line, header: Header | undefined): void => {
    if (current !== undefined) faults.add(placeOf(line.number), cutOff(current));
    current = {
      ...{ header, check: new SessionCheck(limits), faults: faults.count },
      begins: { number: line.number, end: line.end },
    };
    if (header === undefined) return;
    current.check.header(header);
    if (ids.has(header.id))
      throw new AppError("invalid", `id: the session ${header.id} is there more than once.`);
    ids.add(header.id);
  };

  const take = (line: Line, entry: Entry): void => {
    if (entry.type === "session") return open(line, entry.header);
    if (current === undefined)
      throw new AppError("invalid", `A session line comes before its ${entry.type} line.`);
    if (entry.type !== "end") return current.check.content(entry);
    const { header, check, begins, faults: before } = current;
    current = undefined;
    if (faults.count > before || header === undefined) return;
    const { counts } = check;
    const { stateKeys, messages } = entry.counts;
    if (stateKeys !== counts.stateKeys || messages !== counts.messages)
      throw new AppError("invalid", "The session has lost lines: the counts do not match.");
    sessions.push({
      header,
      counts,
      open: () => contentsOf(file, limits, { begins }),
    });
  };

  for await (const line of readLines(file, longestLine(limits))) {
    last = line;
    onBytes?.(line.end);
    const where = placeOf(line.number);
    try {
      if (line.fault !== undefined) throw new AppError("invalid", line.fault);
      take(line, parseLine(line.text, onReplaced));
    } catch (error) {
      faults.addError(where, error);
      // Open a session even for a faulty line: the lines behind it belong to that session.
      if (/^\s*\{\s*"type"\s*:\s*"session"/.test(line.text) && current?.begins.end !== line.end)
        open(line, undefined);
    }
  }
  if (last === undefined) faults.add(placeOf(1), "The file is empty.");
  else if (current !== undefined) faults.add(placeOf(last.number), cutOff(current));
  return sessions;
}

const cutOff = ({ begins }: Current): string =>
  `The session of line ${begins.number} has no end: the file was cut off.`;

/** A session's content, from behind its first line to its end line, which lies before the offset `until`. */
export async function* contentsOf(
  file: string,
  limits: TransferLimits,
  { begins, until }: { begins: Place; until?: number },
): AsyncGenerator<Content> {
  const check = new SessionCheck(limits);
  for await (const line of readLines(file, longestLine(limits), begins, until)) {
    const entry = line.fault === undefined ? parseLine(line.text) : undefined;
    if (entry?.type === "end") return;
    if (entry === undefined || entry.type === "session") break;
    check.content(entry);
    yield entry;
  }
  throw new AppError("invalid", "The file was changed while it was imported.");
}
