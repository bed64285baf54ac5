// Rules of messages and chat turns that hold on every engine.
import { type SQL, sql, type SQLWrapper } from "drizzle-orm";
import type { Principal } from "../../auth/principal.ts";
import type { Message } from "../../chat/message.ts";
import type { Answer, Turn } from "../../chat/store.ts";
import { AppError } from "../../lib/errors.ts";

/** A title may be made of messages up to this number: a system message may come first. */
export const FIRST_TURN = 2;

/** Messages up to this number are cleared: see `history_gaps`. */
export const clearedSeqOf = (session: SQLWrapper): SQL<number> =>
  sql<number>`coalesce((select history_gaps.cleared_seq from history_gaps where history_gaps.session_id = ${session}), 0)`;

/** A message of the session that is not cleared. The rows of a cleared history go in batches, and nobody sees them meanwhile. */
export const uncleared = (session: SQLWrapper): SQL => sql`messages.seq > ${clearedSeqOf(session)}`;

/**
 * A message of this id that is not cleared. Nearly always nothing is cleared, and one look says so. The messages of a cleared history must not take the places of
 * others while their rows go.
 */
export const unclearedIn = (id: SQLWrapper): SQL =>
  sql`(not exists (select 1 from history_gaps where cleared_seq > 0) or not exists (select 1 from messages cleared
    join history_gaps on history_gaps.session_id = cleared.session_id and cleared.seq <= history_gaps.cleared_seq
    where cleared.id = ${id}))`;

/** The stored message of this key, if it is the same message. @throws AppError `conflict` */
export function sameRequest<T extends { role: string; content: string }>(
  stored: T | undefined,
  wanted: { role: string; content: string },
): T | undefined {
  if (stored === undefined) return undefined;
  if (stored.role === wanted.role && stored.content === wanted.content) return stored;
  throw requestKeyTaken();
}

export const requestKeyTaken = (): AppError =>
  new AppError("conflict", "This request_key was used for another message of this session.", {
    hint: "Use a new key for a new message.",
  });

export const noRoom = (maxMessages: number): AppError =>
  new AppError("limit", `This session has room for ${maxMessages} messages: start a new one.`, {
    hint: "The setting max-messages allows more.",
  });

export const claimLost = (): AppError =>
  new AppError(
    "conflict",
    "The history was cleared, or this question was taken over, while it was being answered.",
  );

/** The row without the storage's own keys. */
export function publicPart<T extends { id: number; sessionId: string }>({
  id: _row,
  sessionId: _session,
  ...message
}: T): Omit<T, "id" | "sessionId"> {
  return message;
}

/**
 * The last message, if it is the same question without an answer: it is asked again, and not stored twice. A question with
 * another request key or of another author is another question.
 */
export function unanswered<T extends Message>(
  last: T | undefined,
  question: { prompt: string; requestKey?: string | undefined; by?: Principal | undefined },
): T | undefined {
  const { prompt, requestKey, by } = question;
  const open = last?.status === "failed" || last?.status === "interrupted";
  const otherKey =
    last?.requestKey != null && requestKey !== undefined && last.requestKey !== requestKey;
  const isKeyed = last?.requestKey != null || requestKey !== undefined;
  const otherAuthor = isKeyed && last?.author != null && by !== undefined && last.author !== by.id;
  return open && last.content === prompt && !otherKey && !otherAuthor ? last : undefined;
}

/** Columns of the message that answers a turn's question. */
export const answerOf = (
  { question, by }: Turn,
  { content, model, inputTokens, outputTokens }: Answer,
) => ({
  ...({ role: "assistant", status: "complete" } as const),
  ...{ content, model, inputTokens: inputTokens ?? null, outputTokens: outputTokens ?? null },
  ...{ requestKey: question.requestKey, author: by?.id ?? null },
});
