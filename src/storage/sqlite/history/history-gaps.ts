// Gaps in the numbers of a history, left by deleted messages. They are counted, not listed: counting messages takes one look
// in a history of any length, and no number is reused.
import { eq, type SQL, sql, type SQLWrapper } from "drizzle-orm";
import { clearedSeqOf } from "../../shared/messages.ts";
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

function statements({ db }: Engine) {
  const ofSession = eq(historyGaps.sessionId, placeholder("sessionId"));
  return lazily({
    numbers: () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          count: messageCountOf(placeholder("sessionId")),
        })
        .from(sql`(select 1)`)
        .prepare(),
    last: () =>
      db
        .select({
          lastSeq: lastSeqOf(placeholder("sessionId")),
          clearedSeq: clearedSeqOf(placeholder("sessionId")),
        })
        .from(sql`(select 1)`)
        .prepare(),
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
        })
        .prepare(),
    unmark: () => db.update(historyGaps).set({ clearedSeq: 0 }).where(ofSession).prepare(),
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
}

/** To be run inside a read or a write. */
export function sqliteHistoryGaps(engine: Engine) {
  const q = statements(engine);
  const last = (sessionId: string): { lastSeq: number; clearedSeq: number } =>
    q.last.get({ sessionId })!;
  return {
    /** The last number that was given, and the last one that is cleared. */
    last,
    /** Clears all messages: see `uncleared`. */
    mark: (sessionId: string): void => {
      const { lastSeq } = last(sessionId);
      if (lastSeq > 0) q.mark.run({ sessionId, lastSeq });
    },
    /** The rows of the cleared messages are gone: without later messages, numbers begin anew. */
    unmark: (sessionId: string): void => {
      const { lastSeq, clearedSeq } = last(sessionId);
      if (clearedSeq > 0) (lastSeq === clearedSeq ? q.clear : q.unmark).run({ sessionId });
    },
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
