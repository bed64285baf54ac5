// Deletes single messages, and all that holds their text: a summary that covers one, a title made from one, and the recorded
// outcome of a call that returned one. Foreign keys delete their words from the full-text index.
import { and, eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { uncleared } from "../../shared/messages.ts";
import { beingAnswered } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { messages, sessions, turns } from "../schema/schema.ts";
import { postgresTraces } from "../sessions/traces.ts";
import { postgresHistoryGaps } from "./history-gaps.ts";
import { summaryStatements } from "./summary-rows.ts";

const { placeholder } = sql;

export function postgresMessageDeletion(
  engine: Engine,
  writes: WriteAccess,
): Pick<SessionStore, "deleteMessages"> {
  const gaps = postgresHistoryGaps(engine);
  const summaries = summaryStatements(engine);
  const traces = postgresTraces(engine);
  const q = statementsOf(engine);

  return {
    deleteMessages: (id, seqs, by) =>
      engine.writeIn(id, async () => {
        const [, answering] = await Promise.all([writes.modify(by, id), q.answering.get({ id })]);
        // The turn's question could be one of them, and its summary could still be written from all of them.
        if (answering !== undefined) throw beingAnswered();
        const gone = await q.delete.all({ id, seqs });
        if (gone.length === 0) return [];
        for (const { content, requestKey, author } of gone) {
          if (requestKey !== null) await q.dropKey.run({ id, requestKey, author });
          await traces.forgetText(id, content);
          const title = titleOf(content);
          if (title !== undefined) await q.dropTitle.run({ id, title });
        }
        const deleted = gone.map(({ seq }) => seq).toSorted((a, b) => a - b);
        await Promise.all([
          summaries.forget(id, deleted[0]!),
          gaps.add(id, { missing: deleted.length, lastSeq: deleted.at(-1)! }),
        ]);
        return deleted;
      }),
  };
}

function statementsOf({ db }: Engine) {
  const ofSession = eq(messages.sessionId, placeholder("id"));
  return prepared({
    answering: () =>
      db
        .select({ id: turns.sessionId })
        .from(turns)
        .where(eq(turns.sessionId, placeholder("id"))),
    delete: () =>
      db
        .delete(messages)
        .where(
          and(
            ofSession,
            sql`${messages.seq} = any(${placeholder("seqs")}::bigint[])`,
            uncleared(placeholder("id")),
          ),
        )
        .returning({
          seq: messages.seq,
          content: messages.content,
          requestKey: messages.requestKey,
          author: messages.author,
        }),
    // Drop the key, so that a repeated question is asked anew, and not answered with half of its turn.
    dropKey: () =>
      db
        .update(messages)
        .set({ requestKey: null })
        .where(
          and(
            ofSession,
            eq(messages.requestKey, placeholder("requestKey")),
            sql`${messages.author} is not distinct from ${placeholder("author")}::text`,
          ),
        ),
    dropTitle: () =>
      db
        .update(sessions)
        .set({ title: null })
        .where(and(eq(sessions.id, placeholder("id")), eq(sessions.title, placeholder("title")))),
  });
}
