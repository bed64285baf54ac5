// Reads Holdfast's own export. First the whole file is checked, line by line, and each session's place is noted; then
// each is read again from its place when it is imported. Nothing of it is kept in memory.
import { AppError } from "../../lib/errors.ts";
import type { Faults } from "../faults.ts";
import { SessionCheck, type Header, type Incoming, type TransferLimits } from "../incoming.ts";
import { parseLine, type Entry, type OnReplaced } from "./jsonl.ts";
import { readLines, type Line, type Place } from "./lines.ts";
import type { Content } from "../store.ts";

/** The longest line that the limits allow: every character may be written as an escape of six. */
const longestLine = ({ maxMessageBytes, maxValueBytes }: TransferLimits): number =>
  6 * Math.max(maxMessageBytes, maxValueBytes, 64_000) + 16_000;

/** A session whose lines are being read. */
interface Current {
  header: Header | undefined;
  check: SessionCheck;
  begins: Place;
  /** How many faults there were before it. */
  faults: number;
}

export interface Watcher {
  /** Told how far the check has come. */
  onBytes?: ((bytes: number) => void) | undefined;
  onReplaced?: OnReplaced | undefined;
}

/** Checks the file; resolves to its sessions. */
export async function readHoldfastFile(
  file: string,
  limits: TransferLimits,
  faults: Faults,
  { onBytes, onReplaced }: Watcher = {},
): Promise<Incoming[]> {
  const sessions: Incoming[] = [];
  const ids = new Set<string>();
  let current: Current | undefined;
  let last: Line | undefined;

  const open = (line: Line, header: Header | undefined): void => {
    if (current !== undefined) faults.add(`line ${line.number}`, cutOff(current));
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
    sessions.push({ header, counts, open: () => contents(file, limits, begins) });
  };

  for await (const line of readLines(file, longestLine(limits))) {
    last = line;
    onBytes?.(line.end);
    const where = `line ${line.number}`;
    try {
      if (line.fault !== undefined) throw new AppError("invalid", line.fault);
      take(line, parseLine(line.text, onReplaced));
    } catch (error) {
      faults.addError(where, error);
      // What follows belongs to this session, however wrong its line is.
      if (/^\s*\{\s*"type"\s*:\s*"session"/.test(line.text) && current?.begins.end !== line.end)
        open(line, undefined);
    }
  }
  if (last === undefined) faults.add("line 1", "The file is empty.");
  else if (current !== undefined) faults.add(`line ${last.number}`, cutOff(current));
  return sessions;
}

const cutOff = ({ begins }: Current): string =>
  `The session of line ${begins.number} has no end: the file was cut off.`;

/** What a session holds, from behind its first line to its end line. */
async function* contents(
  file: string,
  limits: TransferLimits,
  begins: Place,
): AsyncGenerator<Content> {
  const check = new SessionCheck(limits);
  for await (const line of readLines(file, longestLine(limits), begins)) {
    const entry = line.fault === undefined ? parseLine(line.text) : undefined;
    if (entry?.type === "end") return;
    if (entry === undefined || entry.type === "session") break;
    check.content(entry);
    yield entry;
  }
  throw new AppError("invalid", "The file was changed while it was imported.");
}
