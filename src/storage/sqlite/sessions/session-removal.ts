// The end of sessions, and of what they hold: cleared, deleted, expired. Foreign keys delete what a session owns; the rows of
// large ones go in batches afterwards (shrink.ts).
import { eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionExpired } from "../../shared/expiry.ts";
import { clearedSeqOf, FIRST_TURN, uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { inBatches, sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import {
  historyGaps,
  messages,
  sessions,
  sessionState,
  summaries,
  turns,
} from "../schema/schema.ts";
import type { Shrink } from "./shrink.ts";
import { sqliteTraces } from "./traces.ts";

const { placeholder } = sql;

type Methods = Pick<
  SessionStore,
  "clear" | "delete" | "deleteEmpty" | "purged" | "countExpired" | "deleteExpired"
>;

function statements({ db }: Engine) {
  return lazily({
    deleteEmpty: () =>
      db
        .delete(sessions)
        .where(
          sql`${sessions.id} = ${placeholder("id")} and not exists (select 1 from messages where session_id = ${placeholder("id")})
            and not exists (select 1 from session_state where session_id = ${placeholder("id")})
            and not exists (select 1 from tasks where session_id = ${placeholder("id")})`,
        )
        .prepare(),
    clearHistory: () =>
      db
        .delete(messages)
        .where(eq(messages.sessionId, placeholder("id")))
        .prepare(),
    /** The messages that a title may be made of. */
    opening: () =>
      db
        .select({ content: messages.content })
        .from(messages)
        .where(
          sql`${messages.sessionId} = ${placeholder("id")} and ${messages.role} = 'user'
            and ${uncleared(placeholder("id"))} and ${messages.seq} <= ${FIRST_TURN} + ${clearedSeqOf(placeholder("id"))}`,
        )
        .prepare(),
    endTurn: () =>
      db
        .delete(turns)
        .where(eq(turns.sessionId, placeholder("id")))
        .prepare(),
    dropTitle: () =>
      db
        .update(sessions)
        .set({ title: null })
        .where(
          sql`${sessions.id} = ${placeholder("id")} and ${sessions.title} = ${placeholder("title")}`,
        )
        .prepare(),
    clearSummary: () =>
      db
        .delete(summaries)
        .where(eq(summaries.sessionId, placeholder("id")))
        .prepare(),
    clearState: () =>
      db
        .delete(sessionState)
        .where(eq(sessionState.sessionId, placeholder("id")))
        .prepare(),
    cleared: () =>
      db
        .select({ id: historyGaps.sessionId })
        .from(historyGaps)
        .where(sql`cleared_seq > 0`)
        .prepare(),
    expiredMessages: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select messages.id from sessions join messages on messages.session_id = sessions.id
          where ${sessionExpired} limit ${placeholder("limit")})`,
        )
        .prepare(),
    expiredState: () =>
      db
        .delete(sessionState)
        .where(
          sql`rowid in (select session_state.rowid from sessions join session_state on session_state.session_id = sessions.id
          where ${sessionExpired} limit ${placeholder("limit")})`,
        )
        .prepare(),
  });
}

export function sqliteSessionRemoval(engine: Engine, shrink: Shrink, writes: WriteAccess): Methods {
  const cache = engine.cached.sessions;
  const gaps = sqliteHistoryGaps(engine);
  const traces = sqliteTraces(engine);
  /** A session that goes leaves the clients that worked in it. */
  const forgetAll = (): void => {
    cache.clear();
    engine.cached.clients.clear();
  };
  const q = statements(engine);
  const expiring = sqliteExpiring(
    engine,
    sessions,
    sessionExpired,
    () => engine.times(),
    forgetAll,
  );
  const clearHistory = (id: string): void => {
    for (const { content } of q.opening.all({ id }))
      q.dropTitle.run({ id, title: titleOf(content) ?? "" });
    cache.delete(id);
    q.endTurn.run({ id });
    q.clearSummary.run({ id });
    if (shrink.clear(id)) return;
    q.clearHistory.run({ id });
    gaps.clear(id);
  };
  return {
    async clear(id, what, by) {
      if (what !== "history") await shrink.removeState(id, () => writes.modify(by, id));
      await engine.free(() => {
        writes.modify(by, id);
        if (what !== "state") clearHistory(id);
        if (what !== "history") q.clearState.run({ id });
        traces.forget(id);
        return true;
      });
      if (what !== "state") shrink.tidy();
    },

    async delete(id, by) {
      await engine.free(() => {
        writes.own(by, id);
        return shrink.remove(id);
      });
    },

    purged: () => shrink.purged(),

    deleteEmpty: (id) =>
      engine.free(() => {
        if (q.deleteEmpty.run({ id }).changes > 0) forgetAll();
      }),

    ...expiring,
    async deleteExpired(signal) {
      // Their rows first, which makes the deletion of sessions cheap.
      for (const rows of [q.expiredMessages, q.expiredState]) {
        const remove = (limit: number): number => rows.run({ ...engine.times(), limit }).changes;
        await inBatches(engine, remove, { signal });
      }
      for (const { id } of await engine.readNow(() => q.cleared.all()))
        if (!signal?.aborted) await shrink.removeCleared(id, signal);
      return expiring.deleteExpired(signal);
    },
  };
}
