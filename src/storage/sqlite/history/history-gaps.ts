// Gaps in the numbers of a history, left by deleted messages. They are counted, not listed: counting messages takes one look
// in a history of any length, and no number is reused.
import { eq, type SQL, sql, type SQLWrapper } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { historyGaps } from "../schema/schema.ts";

const { placeholder } = sql;

/** The highest number that a message of the session has, or had before it was deleted. */
export const lastSeqOf = (session: SQLWrapper): SQL<number> =>
  sql<number>`max(
    coalesce((select max(messages.seq) from messages where messages.session_id = ${session}), 0),
    coalesce((select history_gaps.last_seq from history_gaps where history_gaps.session_id = ${session}), 0))`;

export const messageCountOf = (session: SQLWrapper): SQL<number> =>
  sql<number>`(${lastSeqOf(session)} - coalesce(
    (select history_gaps.missing from history_gaps where history_gaps.session_id = ${session}), 0))`;

export type HistoryGaps = ReturnType<typeof sqliteHistoryGaps>;

/** To be run inside a read or a write. */
export function sqliteHistoryGaps({ db }: Engine) {
  const ofSession = eq(historyGaps.sessionId, placeholder("sessionId"));
  const q = lazily({
    numbers: () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          count: messageCountOf(placeholder("sessionId")),
        })
        .from(sql`(select 1)`)
        .prepare(),
    add: () =>
      db
        .insert(historyGaps)
        .values({
          sessionId: placeholder("sessionId"),
          missing: placeholder("missing"),
          lastSeq: placeholder("lastSeq"),
        })
        .onConflictDoUpdate({
          target: historyGaps.sessionId,
          set: {
            missing: sql`${historyGaps.missing} + excluded.missing`,
            lastSeq: sql`max(${historyGaps.lastSeq}, excluded.last_seq)`,
          },
        })
        .prepare(),
    cut: () =>
      db
        .update(historyGaps)
        .set({
          missing: sql`${historyGaps.missing} - ${placeholder("missing")}`,
          lastSeq: sql`min(${historyGaps.lastSeq}, ${placeholder("lastSeq")})`,
        })
        .where(ofSession)
        .prepare(),
    clear: () => db.delete(historyGaps).where(ofSession).prepare(),
  });
  return {
    /** The last number that was given, and the number of messages. */
    numbers: (sessionId: string): { lastSeq: number; count: number } =>
      q.numbers.get({ sessionId })!,
    /** Records numbers without a message; `lastSeq` is the highest of them. */
    add: (sessionId: string, gap: { missing: number; lastSeq: number }): void =>
      void q.add.run({ sessionId, ...gap }),
    /** Frees every number above `lastSeq`; `missing` of them had no message. */
    cut: (sessionId: string, gap: { missing: number; lastSeq: number }): void =>
      void q.cut.run({ sessionId, ...gap }),
    clear: (sessionId: string): void => void q.clear.run({ sessionId }),
  };
}
