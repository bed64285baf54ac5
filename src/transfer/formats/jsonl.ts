// Lines of Holdfast's own file format: a session's line, its state, its messages, and an end line. The counts in the
// end line reveal a file that was cut off. A pending question is written as interrupted, because no turn answers it in
// a file. Not in it: shares, and the clients of the session.
import { z } from "zod";
import { ROLES, STATUSES } from "../../chat/message.ts";
import { isoTime } from "../../lib/clock.ts";
import { AppError } from "../../lib/errors.ts";
import { parseExactly } from "../../lib/json/exact-numbers.ts";
import { checkStorable, storableValue } from "../../lib/json/storable.ts";
import type { Header } from "../incoming.ts";
import type { OnReplaced } from "../input/lines.ts";
import type { Content, ContentCounts, TransferRecord } from "../store.ts";

/** Version of the format; it rises when an older Holdfast can no longer read the file. */
export const FORMAT_VERSION = 2;
/** Version of a file without gaps between message numbers, which an older Holdfast can read. */
const WITHOUT_GAPS = 1;

const time = z.string().transform((text, context) => {
  const ms = /^[-+]?\d+-\d\d-\d\dT[\d:.]+Z$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(ms)) return ms;
  context.addIssue(`expected a time such as ${isoTime(0)}`);
  return z.NEVER;
});
const tokens = z.int().min(0).nullable().default(null);
const optionalText = z.string().nullable().default(null);

const sessionLine = z.object({
  type: z.literal("session"),
  format: z.literal("holdfast"),
  version: z.int().min(1),
  id: z.string(),
  owner: z.string().optional(),
  name: optionalText,
  title: optionalText,
  system: optionalText,
  pinned: z.boolean().default(false),
  created_at: time,
  last_active_at: time,
});

const stateLine = z.object({
  type: z.literal("state"),
  key: z.string(),
  value: z.unknown(),
  version: z.int().min(1),
  updated_at: time,
  expires_at: time.nullable().default(null),
});

const messageLine = z.object({
  type: z.literal("message"),
  seq: z.int(),
  role: z.enum(ROLES),
  content: z.string(),
  status: z.enum(STATUSES).default("complete"),
  model: optionalText,
  input_tokens: tokens,
  output_tokens: tokens,
  request_key: optionalText,
  created_at: time,
  author: optionalText,
});

const endLine = z.object({ type: z.literal("end"), state: z.int(), messages: z.int() });

const anyLine = z.discriminatedUnion("type", [sessionLine, stateLine, messageLine, endLine]);

const TOO_DEEP = "value: is nested too deeply.";

export type Entry =
  | { type: "session"; header: Header }
  | Content // one row
  | { type: "end"; counts: ContentCounts };

/** A record as one line, without its line break. */
export function toLine(piece: TransferRecord): string {
  if (piece.type === "session") {
    const { id, owner, name, title, system, pinned, createdAt, lastActiveAt } = piece.session;
    const version = piece.lastSeq === piece.counts.messages ? WITHOUT_GAPS : FORMAT_VERSION;
    return JSON.stringify({
      ...{ type: "session", format: "holdfast", version },
      ...{ id, owner, name, title, system, pinned },
      created_at: isoTime(createdAt),
      last_active_at: isoTime(lastActiveAt),
    });
  }
  if (piece.type === "state") {
    const { key, value, version, updatedAt, expiresAt } = piece.entry;
    const times = {
      ...{ version, updated_at: isoTime(updatedAt) },
      expires_at: isoTime(expiresAt),
    };
    // Insert the value as it is: it is JSON text already.
    return `{"type":"state","key":${JSON.stringify(key)},"value":${value},${JSON.stringify(times).slice(1)}`;
  }
  const { seq, role, content, status, model, requestKey, createdAt, author } = piece.message;
  return JSON.stringify({
    ...{ type: "message", seq, role, content },
    status: status === "pending" ? "interrupted" : status,
    model,
    input_tokens: piece.message.inputTokens,
    output_tokens: piece.message.outputTokens,
    request_key: requestKey,
    created_at: isoTime(createdAt),
    ...(author !== null && { author }),
  });
}

export const endOf = ({ stateKeys: state, messages }: ContentCounts): string =>
  JSON.stringify({ type: "end", state, messages });

/**
 * Reads one line. Characters that cannot be stored, as earlier versions wrote them, are replaced; `onReplaced` gets
 * their number.
 * @throws AppError `invalid`
 */
export function parseLine(text: string, onReplaced: OnReplaced = () => undefined): Entry {
  const parsed = anyLine.safeParse(parseJson(text, onReplaced), { reportInput: false });
  if (!parsed.success) throw new AppError("invalid", issueOf(parsed.error));
  const line = parsed.data;
  switch (line.type) {
    case "session":
      if (line.version > FORMAT_VERSION)
        throw new AppError("invalid", "version: the file was written by a newer Holdfast.");
      return { type: "session", header: headerOf(line) };
    case "state":
      return {
        type: "state",
        entry: {
          key: line.key,
          value: valueOf(line.value),
          version: line.version,
          updatedAt: line.updated_at,
          expiresAt: line.expires_at,
        },
      };
    case "message":
      return {
        type: "message",
        message: {
          ...{ seq: line.seq, role: line.role, content: line.content, model: line.model },
          status: line.status === "pending" ? "interrupted" : line.status,
          inputTokens: line.input_tokens,
          outputTokens: line.output_tokens,
          requestKey: line.request_key,
          createdAt: line.created_at,
          author: line.author,
        },
      };
    case "end":
      return { type: "end", counts: { stateKeys: line.state, messages: line.messages } };
  }
}

const headerOf = (line: z.infer<typeof sessionLine>): Header => ({
  ...{ id: line.id, owner: line.owner, name: line.name, title: line.title },
  ...{ system: line.system, pinned: line.pinned },
  createdAt: line.created_at,
  lastActiveAt: line.last_active_at,
});

/** JSON escapes of characters that cannot be stored. */
const SUSPICIOUS = /\\u(?:0000|d[89a-f])/i;

function parseJson(text: string, onReplaced: OnReplaced): unknown {
  try {
    const value = parseExactly(text);
    return SUSPICIOUS.test(text) ? storableValue(value, onReplaced) : value;
  } catch (error) {
    throw new AppError("invalid", error instanceof RangeError ? TOO_DEEP : "is not JSON.");
  }
}

function valueOf(value: unknown): string {
  if (value === undefined) throw new AppError("invalid", "value: is missing.");
  try {
    checkStorable("value", value);
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new AppError("invalid", TOO_DEEP);
  }
}

function issueOf({ issues: [issue] }: z.ZodError): string {
  if (issue === undefined) return "is not what it should be.";
  const path = issue.path.join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
