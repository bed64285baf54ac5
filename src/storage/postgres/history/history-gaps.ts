// Gaps in the numbers of a history, left by deleted messages. They are counted, not listed: counting messages takes one look
// in a history of any length, and no number is reused.
import { eq, type SQL, sql, type SQLWrapper } from "drizzle-orm";
import { clearedSeqOf } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared, together } from "../engine/statements.ts";
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

function statements({ db }: Engine) {
  const ofSession = eq(historyGaps.sessionId, placeholder("sessionId"));
  return prepared({
    numbers: () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          count: messageCountOf(placeholder("sessionId")),
        })
        .from(sql`(select 1) as one`),
    last: together({ sessionId: "text" }, () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          clearedSeq: clearedSeqOf(placeholder("sessionId")),
        })
        .from(sql`(select 1) as one`),
    ),
    mark: () =>
      db
        .insert(historyGaps)
        .values({
          sessionId: placeholder("sessionId"),
          missing: placeholder("lastSeq"),
          lastSeq: placeholder("lastSeq"),
          clearedSeq: placeholder("lastSeq"),
        })
        .onConflictDoUpdate({
          target: historyGaps.sessionId,
          set: {
            missing: sql`excluded.missing`,
            lastSeq: sql`excluded.last_seq`,
            clearedSeq: sql`excluded.cleared_seq`,
          },
        }),
    unmark: () => db.update(historyGaps).set({ clearedSeq: 0 }).where(ofSession),
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
}

/** To be run inside a read, or inside a write that has locked the session. */
export function postgresHistoryGaps(engine: Engine) {
  const q = statements(engine);
  const last = async (sessionId: string): Promise<{ lastSeq: number; clearedSeq: number }> =>
    (await q.last.get({ sessionId }))!;
  return {
    /** The last number that was given, and the last one that is cleared. */
    last,
    /** Clears all messages: see `uncleared`. */
    async mark(sessionId: string): Promise<void> {
      const { lastSeq } = await last(sessionId);
      if (lastSeq > 0) await q.mark.run({ sessionId, lastSeq });
    },
    /** The rows of the cleared messages are gone: without later messages, numbers begin anew. */
    async unmark(sessionId: string): Promise<void> {
      const { lastSeq, clearedSeq } = await last(sessionId);
      if (clearedSeq > 0) await (lastSeq === clearedSeq ? q.clear : q.unmark).run({ sessionId });
    },
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
