// The end of sessions, and of what they hold: cleared, deleted, expired. Foreign keys delete what a session owns; the rows of
// large ones go in batches afterwards (shrink.ts).
import { eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionExpired } from "../../shared/expiry.ts";
import { clearedSeqOf, FIRST_TURN, uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { inBatches } from "../engine/expiring.ts";
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

/** Expired sessions that are chosen at once. */
const SESSIONS_AT_ONCE = 25;

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
  });
}

/** Deletions of expired sessions, some sessions at a time: a search for their rows skips only the few that it has emptied. */
function expiry({ db }: Engine) {
  const chosen = sql`sessions.id in (select value from json_each(${placeholder("ids")})) and ${sessionExpired}`;
  return lazily({
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(sessionExpired)
        .prepare(),
    some: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(sessionExpired)
        .limit(SESSIONS_AT_ONCE)
        .prepare(),
    messages: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select messages.id from sessions join messages on messages.session_id = sessions.id
          where ${chosen} limit ${placeholder("limit")})`,
        )
        .prepare(),
    state: () =>
      db
        .delete(sessionState)
        .where(
          sql`rowid in (select session_state.rowid from sessions join session_state on session_state.session_id = sessions.id
          where ${chosen} limit ${placeholder("limit")})`,
        )
        .prepare(),
    sessions: () =>
      db
        .delete(sessions)
        .where(
          sql`rowid in (select sessions.rowid from sessions where ${chosen} limit ${placeholder("limit")})`,
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
  const expired = expiry(engine);
  /** Deletes some expired sessions, their rows first, which makes the deletion of sessions cheap; resolves to their number. */
  const deleteSome = async (signal: AbortSignal | undefined): Promise<number> => {
    let ids: string | undefined;
    const inTurn = (rows: "messages" | "state" | "sessions"): Promise<number> =>
      inBatches(
        engine,
        (limit) => {
          const times = engine.times();
          ids ??= JSON.stringify(expired.some.all(times).map(({ id }) => id));
          if (rows === "sessions") forgetAll();
          return expired[rows].run({ ...times, ids, limit }).changes;
        },
        { signal },
      );
    await inTurn("messages");
    await inTurn("state");
    return inTurn("sessions");
  };
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

    countExpired: () => engine.readDurable(() => expired.count.get(engine.times())!.n),
    async deleteExpired(signal) {
      let sum = 0;
      for (let deleted = -1; deleted !== 0; sum += deleted) deleted = await deleteSome(signal);
      for (const { id } of await engine.readNow(() => q.cleared.all()))
        if (!signal?.aborted) await shrink.removeCleared(id, signal);
      return sum;
    },
  };
}
