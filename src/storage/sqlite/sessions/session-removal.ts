// The end of sessions, and of what they hold: cleared, deleted, expired. Foreign keys delete what a session owns.
import { eq, sql } from "drizzle-orm";
import { titleOf } from "../../../chat/title.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionExpired } from "../../shared/expiry.ts";
import { FIRST_TURN } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { inBatches, sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import { messages, sessions, sessionState, summaries } from "../schema/schema.ts";
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
            and not exists (select 1 from session_state where session_id = ${placeholder("id")})`,
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
          sql`${messages.sessionId} = ${placeholder("id")} and ${messages.role} = 'user' and ${messages.seq} <= ${FIRST_TURN}`,
        )
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
  return {
    async clear(id, what, by) {
      const opening = await engine.readNow(() => q.opening.all({ id }));
      await shrink.inPieces(id, what, () => writes.modify(by, id));
      await engine.free(() => {
        writes.modify(by, id);
        if (what !== "state") {
          for (const { content } of opening) q.dropTitle.run({ id, title: titleOf(content) ?? "" });
          cache.delete(id);
          q.clearHistory.run({ id });
          gaps.clear(id);
          q.clearSummary.run({ id });
        }
        if (what !== "history") q.clearState.run({ id });
        traces.forget(id);
        return true;
      });
      shrink.tidy();
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
      for (const rows of [q.expiredMessages, q.expiredState])
        await inBatches(
          (limit) =>
            engine.free(() => rows.run({ ...engine.times(), limit }).changes, { durable: false }),
          signal,
        );
      return expiring.deleteExpired(signal);
    },
  };
}
