// Deletes single messages, and all that holds their text: a summary that covers one, a title made from one, and the recorded
// outcome of a call that returned one. A trigger updates the full-text index.
import { and, eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { uncleared } from "../../shared/messages.ts";
import { beingAnswered } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { messages, sessions, turns } from "../schema/schema.ts";
import { sqliteTraces } from "../sessions/traces.ts";
import { sqliteHistoryGaps } from "./history-gaps.ts";
import { summaryStatements } from "./summary-rows.ts";

const { placeholder } = sql;

export function sqliteMessageDeletion(
  engine: Engine,
  writes: WriteAccess,
): Pick<SessionStore, "deleteMessages"> {
  const { db } = engine;
  const ofSession = eq(messages.sessionId, placeholder("id"));
  const gaps = sqliteHistoryGaps(engine);
  const summaries = summaryStatements(engine);
  const traces = sqliteTraces(engine);
  const q = lazily({
    answering: () =>
      db
        .select({ id: turns.sessionId })
        .from(turns)
        .where(eq(turns.sessionId, placeholder("id")))
        .prepare(),
    delete: () =>
      db
        .delete(messages)
        .where(and(ofSession, eq(messages.seq, placeholder("seq")), uncleared(placeholder("id"))))
        .returning({
          seq: messages.seq,
          content: messages.content,
          requestKey: messages.requestKey,
          author: messages.author,
        })
        .prepare(),
    // Drop the key, so that a repeated question is asked anew, and not answered with half of its turn.
    dropKey: () =>
      db
        .update(messages)
        .set({ requestKey: null })
        .where(
          and(
            ofSession,
            eq(messages.requestKey, placeholder("requestKey")),
            sql`${messages.author} is ${placeholder("author")}`,
          ),
        )
        .prepare(),
    dropTitle: () =>
      db
        .update(sessions)
        .set({ title: null })
        .where(and(eq(sessions.id, placeholder("id")), eq(sessions.title, placeholder("title"))))
        .prepare(),
  });

  return {
    deleteMessages: (id, seqs, by) =>
      engine.free(() => {
        writes.modify(by, id);
        // The turn's question could be one of them, and its summary could still be written from all of them.
        if (q.answering.get({ id }) !== undefined) throw beingAnswered();
        const gone = seqs.flatMap((seq) => q.delete.all({ id, seq }));
        if (gone.length === 0) return [];
        for (const { content, requestKey, author } of gone) {
          if (requestKey !== null) q.dropKey.run({ id, requestKey, author });
          traces.forgetText(id, content);
          const title = titleOf(content);
          if (title !== undefined) q.dropTitle.run({ id, title });
        }
        const deleted = gone.map(({ seq }) => seq).toSorted((a, b) => a - b);
        summaries.forget(id, deleted[0]!);
        gaps.add(id, { missing: deleted.length, lastSeq: deleted.at(-1)! });
        engine.cached.sessions.delete(id);
        return deleted;
      }),
  };
}
