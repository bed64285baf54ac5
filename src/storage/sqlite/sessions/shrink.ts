// Deletion of large sessions in batches, so that other calls can run in between. A deleted session is hidden first.
import { setTimeout as sleep } from "node:timers/promises";
import { and, eq, ne, sql } from "drizzle-orm";
import type { Clearable } from "../../../sessions/store.ts";
import { HIDDEN, type Engine } from "../engine/engine.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import {
  clients,
  grants,
  messages,
  runningSessions,
  sessions,
  sessionState,
  shareOffers,
  summaries,
  turns,
} from "../schema/schema.ts";
import { lazily } from "../engine/statements.ts";

const { placeholder } = sql;

/** Number of rows from which a session is deleted in batches. */
const LARGE_ROWS = 1_000;
/** Maximum duration of a batch, in ms, and numbers of rows per batch. */
const PIECE_MS = 4;
const [FIRST_ROWS, MIN_ROWS, MAX_ROWS] = [50, 10, 500];

export type Shrink = ReturnType<typeof sqliteShrink>;

export function sqliteShrink(engine: Engine) {
  const { db } = engine;
  const gaps = sqliteHistoryGaps(engine);
  const byId = eq(sessions.id, placeholder("id"));
  const q = lazily({
    oldestMessages: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select id from messages where session_id = ${placeholder("id")}
          order by seq limit ${placeholder("limit")})`,
        )
        .returning({ seq: messages.seq })
        .prepare(),
    someState: () =>
      db
        .delete(sessionState)
        .where(
          sql`${sessionState.sessionId} = ${placeholder("id")} and ${sessionState.key} in
          (select key from session_state where session_id = ${placeholder("id")} limit ${placeholder("limit")})`,
        )
        .prepare(),
    rows: () =>
      db
        .select({
          messages: sql<number>`(select count(*) from (select 1 from messages
          where session_id = ${placeholder("id")} limit ${LARGE_ROWS}))`,
          keys: sql<number>`(select count(*) from (select 1 from session_state
          where session_id = ${placeholder("id")} limit ${LARGE_ROWS}))`,
        })
        .from(sql`(select 1)`)
        .prepare(),
    hide: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: HIDDEN, name: null, title: null, system: null, pinned: false })
        .where(and(byId, ne(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
    hidden: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(and(byId, eq(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
    deleteHidden: () =>
      db
        .delete(sessions)
        .where(and(byId, eq(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
  });
  /** Deletes a session's other rows, besides messages and state. */
  const forgets = [
    db
      .update(clients)
      .set({ sessionId: null })
      .where(eq(clients.sessionId, placeholder("id")))
      .prepare(),
    ...[grants, shareOffers, summaries, turns, runningSessions].map((table) =>
      db
        .delete(table)
        .where(eq(table.sessionId, placeholder("id")))
        .prepare(),
    ),
  ];
  const purging = new Map<string, Promise<void>>();

  const large = (id: string, what: Clearable): { history: boolean; state: boolean } => {
    const left = q.rows.get({ id })!;
    return {
      history: what !== "state" && left.messages === LARGE_ROWS,
      state: what !== "history" && left.keys === LARGE_ROWS,
    };
  };

  /**
   * Deletes most of a large session's rows in batches, the oldest first, because one deletion would hold up all calls.
   * An interruption leaves a session with fewer rows. `check` checks the caller's rights again in each batch.
   */
  const inPieces = async (
    id: string,
    what: Clearable,
    check: () => void = () => undefined,
  ): Promise<void> => {
    for (let limit = FIRST_ROWS; ;) {
      const { history, state } = await engine.readNow(() => large(id, what));
      if (!history && !state) return;
      let took = 0;
      const rows = limit;
      await engine.free(
        () => {
          const began = performance.now();
          check();
          if (state) q.someState.run({ id, limit: rows });
          const gone = history
            ? q.oldestMessages.all({ id, limit: rows }).map(({ seq }) => seq)
            : [];
          if (gone.length > 0) gaps.add(id, { missing: gone.length, lastSeq: Math.max(...gone) });
          took = performance.now() - began;
        },
        { durable: false },
      );
      limit = Math.min(Math.max(MIN_ROWS, took > PIECE_MS ? limit >> 1 : limit * 2), MAX_ROWS);
      await sleep(took); // leaves half of the time to other calls
    }
  };

  const isHidden = (id: string): boolean => q.hidden.get({ id }) !== undefined;
  const checkHidden = (id: string): void => {
    if (!isHidden(id)) throw new Error("This session is another one by now.");
  };

  return {
    isHidden,

    /** Runs inside a write: true if the session has enough rows to be deleted in batches. */
    isLarge(id: string): boolean {
      const { history, state } = large(id, "all");
      return history || state;
    },

    inPieces,

    /** Runs inside a write: hides the session; false if it is hidden already. */
    hide(id: string): boolean {
      const isNew = q.hide.run({ id }).changes > 0;
      for (const forget of forgets) forget.run({ id });
      return isNew;
    },

    /** Deletes a hidden session. The next cleanup deletes the rest that a crash or stop leaves. Never rejects. */
    purge(id: string): Promise<void> {
      const before = purging.get(id);
      if (before !== undefined) return before;
      const done = inPieces(id, "all", () => checkHidden(id))
        .then(() => engine.free(() => void q.deleteHidden.run({ id }), { durable: false }))
        .catch(() => undefined)
        .finally(() => purging.delete(id));
      purging.set(id, done);
      return done;
    },

    /** Resolves when all hidden sessions are deleted. */
    async purged(): Promise<void> {
      await Promise.all(purging.values());
    },
  };
}
