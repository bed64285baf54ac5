// Gaps in the numbers of a history, left by deleted messages. They are counted, not listed: counting messages takes one look
// in a history of any length, and no number is reused.
import { eq, type SQL, sql, type SQLWrapper } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { historyGaps } from "../schema/schema.ts";

const { placeholder } = sql;

/**
 * The highest number that a message of the session has, or had before it was deleted. One look into the index: for `max`,
 * PostgreSQL reads all of a session that it takes for a small one.
 */
export const lastSeqOf = (session: SQLWrapper): SQL<number> =>
  sql<number>`greatest(
    coalesce((select messages.seq from messages where messages.session_id = ${session} order by messages.seq desc limit 1), 0),
    coalesce((select history_gaps.last_seq from history_gaps where history_gaps.session_id = ${session}), 0))`;

export const messageCountOf = (session: SQLWrapper): SQL<number> =>
  sql<number>`(${lastSeqOf(session)} - coalesce(
    (select history_gaps.missing from history_gaps where history_gaps.session_id = ${session}), 0))`;

export type HistoryGaps = ReturnType<typeof postgresHistoryGaps>;

/** To be run inside a read, or inside a write that has locked the session. */
export function postgresHistoryGaps({ db }: Engine) {
  const ofSession = eq(historyGaps.sessionId, placeholder("sessionId"));
  const q = prepared({
    numbers: () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          count: messageCountOf(placeholder("sessionId")),
        })
        .from(sql`(select 1) as one`),
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
            missing: sql`history_gaps.missing + excluded.missing`,
            lastSeq: sql`greatest(history_gaps.last_seq, excluded.last_seq)`,
          },
        }),
    cut: () =>
      db
        .update(historyGaps)
        .set({
          missing: sql`${historyGaps.missing} - ${placeholder("missing")}`,
          lastSeq: sql`least(${historyGaps.lastSeq}, ${placeholder("lastSeq")})`,
        })
        .where(ofSession),
    clear: () => db.delete(historyGaps).where(ofSession),
  });
  return {
    /** The last number that was given, and the number of messages. */
    numbers: async (sessionId: string): Promise<{ lastSeq: number; count: number }> =>
      (await q.numbers.get({ sessionId }))!,
    /** Records numbers without a message; `lastSeq` is the highest of them. */
    add: async (sessionId: string, gap: { missing: number; lastSeq: number }): Promise<void> =>
      void (await q.add.run({ sessionId, ...gap })),
    /** Frees every number above `lastSeq`; `missing` of them had no message. */
    cut: async (sessionId: string, gap: { missing: number; lastSeq: number }): Promise<void> =>
      void (await q.cut.run({ sessionId, ...gap })),
    clear: async (sessionId: string): Promise<void> => void (await q.clear.run({ sessionId })),
  };
}
