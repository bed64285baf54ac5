// The end of sessions, and of what they hold: cleared, deleted, expired. A trigger deletes what a session owns; the rows of large
// ones go in batches afterwards (purge.ts).
import { eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionExpired } from "../../shared/expiry.ts";
import { clearedSeqOf, FIRST_TURN, uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { postgresHistoryGaps } from "../history/history-gaps.ts";
import { messages, sessions, sessionState, summaries, turns } from "../schema/schema.ts";
import { Purge } from "./purge.ts";
import { postgresTraces } from "./traces.ts";

const { placeholder } = sql;

/** Messages that one transaction of the cleanup deletes. */
const BATCH = 5_000;

type Methods = Pick<
  SessionStore,
  "clear" | "delete" | "deleteEmpty" | "purged" | "countExpired" | "deleteExpired"
>;

export function postgresSessionRemoval(engine: Engine, writes: WriteAccess): Methods {
  const gaps = postgresHistoryGaps(engine);
  const traces = postgresTraces(engine);
  const q = statementsOf(engine);
  const expiring = postgresExpiring(engine, sessions, sessionExpired, () => engine.times());

  const purge = new Purge(engine, writes);

  /** True if its rows are to go afterwards. */
  const clearHistory = async (id: string): Promise<boolean> => {
    for (const { content } of await q.opening.all({ id }))
      await q.dropTitle.run({ id, title: titleOf(content) ?? "" });
    engine.changed("session", id); // its turn has ended
    await Promise.all([q.endTurn.run({ id }), q.clearSummary.run({ id })]);
    if (await purge.clear(id)) return true;
    await Promise.all([q.clearHistory.run({ id }), gaps.clear(id)]);
    return false;
  };

  return {
    clear: async (id, what, by) => {
      let rowsAreLeft = false;
      await engine.writeIn(id, async () => {
        await Promise.all([writes.modify(by, id), engine.noTimeout()]);
        rowsAreLeft = what !== "state" && (await clearHistory(id));
        if (what !== "history") await q.clearState.run({ id });
        await traces.forget(id);
        return true;
      });
      if (rowsAreLeft) void purge.start(id);
    },

    async delete(id, by) {
      let rowsAreLeft = false;
      await engine.writeIn(id, async () => {
        await writes.own(by, id);
        engine.changed("session", id);
        rowsAreLeft = await purge.hide(id);
        return rowsAreLeft || (await q.delete.run({ id })).changes > 0;
      });
      if (rowsAreLeft) void purge.start(id);
    },

    purged: () => purge.done(),

    deleteEmpty: (id) =>
      engine.writeIn(id, async () => {
        await Promise.all([writes.lock(id), q.deleteEmpty.run({ id })]);
      }),

    ...expiring,
    async deleteExpired(signal) {
      // Messages first, so that no transaction deletes more than a part of a large session.
      while (!signal?.aborted) {
        const { changes } = await engine.write(() => q.trimExpired.run(engine.times()));
        if (changes < BATCH) break;
      }
      await purge.continue(signal);
      return expiring.deleteExpired(signal);
    },
  };
}

function statementsOf({ db }: Engine) {
  const id = placeholder("id");
  return prepared({
    delete: () => db.delete(sessions).where(eq(sessions.id, id)),
    deleteEmpty: () =>
      db.delete(sessions).where(
        sql`${sessions.id} = ${id} and not exists (select 1 from messages where messages.session_id = ${id})
            and not exists (select 1 from session_state where session_state.session_id = ${id})
            and not exists (select 1 from tasks where tasks.session_id = ${id})`,
      ),
    endTurn: () => db.delete(turns).where(eq(turns.sessionId, id)),
    clearHistory: () => db.delete(messages).where(eq(messages.sessionId, id)),
    /** The messages that a title may be made of. */
    opening: () =>
      db
        .select({ content: messages.content })
        .from(messages)
        .where(
          sql`${messages.sessionId} = ${id} and ${messages.role} = 'user' and ${uncleared(id)}
            and ${messages.seq} <= ${sql.raw(String(FIRST_TURN))} + ${clearedSeqOf(id)}`,
        ),
    dropTitle: () =>
      db
        .update(sessions)
        .set({ title: null })
        .where(sql`${sessions.id} = ${id} and ${sessions.title} = ${placeholder("title")}`),
    clearSummary: () => db.delete(summaries).where(eq(summaries.sessionId, id)),
    clearState: () => db.delete(sessionState).where(eq(sessionState.sessionId, id)),
    trimExpired: () =>
      db.delete(messages).where(
        sql`${messages.id} = any(array(select messages.id from sessions join messages on messages.session_id = sessions.id
          where ${sessionExpired} limit ${sql.raw(String(BATCH))} for update of sessions skip locked))`,
      ),
  });
}
