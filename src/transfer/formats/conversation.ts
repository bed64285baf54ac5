// A conversation of another program, and its conversion to a session.
import { createHash } from "node:crypto";
import type { z } from "zod";
import type { Role } from "../../chat/message.ts";
import { AppError } from "../../lib/errors.ts";
import { shortened, storable } from "../../lib/text/text.ts";
import { MAX_TITLE_BYTES } from "../../sessions/texts.ts";
import { type Incoming, SessionCheck, type TransferLimits } from "../incoming.ts";
import type { Content } from "../store.ts";
import type { OnReplaced } from "./jsonl.ts";
import type { SkipMessage } from "./skipped.ts";

export interface Conversation {
  /** The other program's id. */
  id: string;
  title: string | null;
  /** Milliseconds since 1970, like all times here; null when the file has no time. */
  createdAt: number | null;
  lastActiveAt: number | null;
  messages: { role: Role; content: string; model: string | null; createdAt: number | null }[];
}

/**
 * The session of a conversation; undefined for an empty conversation. Each `open` reads and converts it again; only
 * the first reading reports skipped messages.
 * @throws AppError `invalid` or `limit`, naming the message
 */
export function toIncoming(
  readWith: (skip: SkipMessage) => Conversation,
  source: string,
  owner: string,
  limits: TransferLimits,
  { skip, onReplaced }: { skip: SkipMessage; onReplaced: OnReplaced },
): Incoming | undefined {
  const read = (): Conversation => readWith(() => undefined);
  const { id, title, createdAt, lastActiveAt, messages } = readWith(skip);
  if (messages.length === 0) return undefined;
  const firstAt = createdAt ?? messages[0]?.createdAt ?? 0;
  const check = new SessionCheck(limits);
  const header = {
    id: sessionId(source, owner, id),
    ...{ owner: undefined, name: null, system: null, pinned: false },
    title: title && shortened(storable(title, onReplaced), MAX_TITLE_BYTES),
    createdAt: firstAt,
    lastActiveAt: lastActiveAt ?? messages.at(-1)?.createdAt ?? firstAt,
  };
  check.header(header);
  for (const piece of pieces(read(), firstAt, onReplaced)) {
    try {
      check.content(piece);
    } catch (error) {
      if (!(error instanceof AppError) || piece.type !== "message") throw error;
      throw new AppError(error.code, `message ${piece.message.seq}: ${error.message}`);
    }
  }
  return {
    ...{ header, counts: check.counts },

    open: async function* () {
      yield* pieces(read(), firstAt);
    },
  };
}

/** The records of a conversation. A message without a time takes the time of the message before it. */
function* pieces(
  { messages }: Conversation,
  firstAt: number,
  onReplaced?: OnReplaced,
): Generator<Content> {
  let at = firstAt;
  for (const [index, { role, content, model, createdAt }] of messages.entries()) {
    at = createdAt ?? at;
    yield {
      type: "message",
      message: {
        ...{
          seq: index + 1,
          role,
          content: storable(content, onReplaced),
          status: "complete",
          createdAt: at,
        },
        ...{
          model: model && storable(model),
          inputTokens: null,
          outputTokens: null,
          requestKey: null,
          author: null,
        },
      },
    };
  }
}

/** The same id for the same conversation and owner, in the form of a version 8 UUID (RFC 9562). */
function sessionId(source: string, owner: string, id: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([source, owner, id]))
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}

/**
 * A number or ISO text as a time that can be stored; null for anything else. `unit` is the number's unit in
 * milliseconds.
 */
export function timeOf(value: unknown, unit = 1): number | null {
  const ms =
    typeof value === "number" ? value * unit : Date.parse(typeof value === "string" ? value : "");
  return Number.isFinite(ms) && ms >= 0 && ms <= 8.64e15 ? Math.round(ms) : null;
}

/** The first issue, with its field. */
export function issueOf({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path.join(".");
  return [path, issue?.message].filter(Boolean).join(": ");
}
