// Rows of the summaries table, at most one a session. To be run inside a read or a write.
import { and, eq, getTableColumns, gte, sql } from "drizzle-orm";
import type { Summary } from "../../../chat/store.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { summaries } from "../schema/schema.ts";

const { placeholder } = sql;

const { sessionId: _sessionId, ...columns } = getTableColumns(summaries);

export type SummaryStatements = ReturnType<typeof summaryStatements>;

export function summaryStatements({ db, clock }: Engine) {
  const values = {
    uptoSeq: placeholder("uptoSeq"),
    leftOut: placeholder("leftOut"),
    content: placeholder("content"),
    model: placeholder("model"),
    createdAt: placeholder("createdAt"),
  };
  const set = Object.fromEntries(
    Object.entries(values).map(([column, value]) => [column, sql`${value}`]),
  );
  const q = lazily({
    get: () =>
      db
        .select(columns)
        .from(summaries)
        .where(eq(summaries.sessionId, placeholder("sessionId")))
        .prepare(),
    save: () =>
      db
        .insert(summaries)
        .values({ sessionId: placeholder("sessionId"), ...values })
        .onConflictDoUpdate({ target: summaries.sessionId, set })
        .prepare(),
    forget: () =>
      db
        .delete(summaries)
        .where(
          and(
            eq(summaries.sessionId, placeholder("sessionId")),
            gte(summaries.uptoSeq, placeholder("seq")),
          ),
        )
        .prepare(),
  });
  return {
    /** Drops a summary that tells of message `seq`. */
    forget: (sessionId: string, seq: number): void => void q.forget.run({ sessionId, seq }),
    get: (sessionId: string): Summary | undefined => q.get.get({ sessionId }),
    save(sessionId: string, summary: Omit<Summary, "createdAt">): Summary {
      const saved = { ...summary, createdAt: clock.now() };
      q.save.run({ sessionId, ...saved });
      return saved;
    },
  };
}
