// Rows of the summaries table, at most one a session. To be run inside a read or a write.
import { and, eq, getTableColumns, gte, sql } from "drizzle-orm";
import type { Summary } from "../../../chat/store.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { summaries } from "../schema/schema.ts";

const { placeholder } = sql;

const { sessionId: _sessionId, ...columns } = getTableColumns(summaries);

export type SummaryStatements = ReturnType<typeof summaryStatements>;

export function summaryStatements({ db, clock }: Engine) {
  const ofSession = eq(summaries.sessionId, placeholder("sessionId"));
  const q = prepared({
    get: () => db.select(columns).from(summaries).where(ofSession),
    save: () =>
      db
        .insert(summaries)
        .values({
          sessionId: placeholder("sessionId"),
          uptoSeq: placeholder("uptoSeq"),
          leftOut: placeholder("leftOut"),
          content: placeholder("content"),
          model: placeholder("model"),
          createdAt: placeholder("createdAt"),
        })
        .onConflictDoUpdate({
          target: summaries.sessionId,
          set: {
            uptoSeq: sql`excluded.upto_seq`,
            leftOut: sql`excluded.left_out`,
            content: sql`excluded.content`,
            model: sql`excluded.model`,
            createdAt: sql`excluded.created_at`,
          },
        }),
    forget: () =>
      db.delete(summaries).where(and(ofSession, gte(summaries.uptoSeq, placeholder("seq")))),
  });
  return {
    /** Drops a summary that tells of message `seq`. */
    forget: async (sessionId: string, seq: number): Promise<void> =>
      void (await q.forget.run({ sessionId, seq })),
    get: (sessionId: string): Promise<Summary | undefined> => q.get.get({ sessionId }),
    async save(sessionId: string, summary: Omit<Summary, "createdAt">): Promise<Summary> {
      const saved = { ...summary, createdAt: clock.now() };
      await q.save.run({ sessionId, ...saved });
      return saved;
    },
  };
}
