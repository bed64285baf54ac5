// Deletion of large sessions in batches, so that other calls can run in between. A deleted session is hidden first.
import { setTimeout as sleep } from "node:timers/promises";
import { and, eq, ne, sql } from "drizzle-orm";
import type { Clearable } from "../../../sessions/store.ts";
import { type Engine, HIDDEN, sessionAlive } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
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
import type { IndexMerge } from "../search/index-merge.ts";
import { sqliteTraces } from "./traces.ts";

const { placeholder } = sql;

/** Numbers of rows per batch, and number from which a session is deleted in batches. */
const [FIRST_ROWS, MIN_ROWS, MAX_ROWS] = [8, 4, 100];
/** Number of deleted messages after which the full-text index is looked after. */
const MERGE_EVERY = 1_000;
/** Duration of a batch above which the next one is smaller, in ms. */
const PIECE_MS = 4;

export type Shrink = ReturnType<typeof sqliteShrink>;

export function sqliteShrink(engine: Engine, index: IndexMerge) {
  const { db, cached } = engine;
  const gaps = sqliteHistoryGaps(engine);
  const traces = sqliteTraces(engine);
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
          where session_id = ${placeholder("id")} limit ${MAX_ROWS}))`,
          keys: sql<number>`(select count(*) from (select 1 from session_state
          where session_id = ${placeholder("id")} limit ${MAX_ROWS}))`,
        })
        .from(sql`(select 1)`)
        .prepare(),
    hide: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: HIDDEN, name: null, title: null, system: null, pinned: false })
        .where(and(byId, ne(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
    delete: () => db.delete(sessions).where(byId).prepare(),
    alive: () =>
      db.select({ id: sessions.id }).from(sessions).where(and(byId, sessionAlive)).prepare(),
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
      history: what !== "state" && left.messages === MAX_ROWS,
      state: what !== "history" && left.keys === MAX_ROWS,
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
    let unmerged = 0;
    for (let limit = FIRST_ROWS; ;) {
      const { history, state } = await engine.readNow(() => large(id, what));
      if (!history && !state) return;
      let began = 0;
      const rows = limit;
      await engine.free(
        () => {
          began = performance.now();
          check();
          if (state) q.someState.run({ id, limit: rows });
          const gone = history
            ? q.oldestMessages.all({ id, limit: rows }).map(({ seq }) => seq)
            : [];
          unmerged += gone.length;
          if (gone.length > 0) gaps.add(id, { missing: gone.length, lastSeq: Math.max(...gone) });
        },
        { durable: false },
      );
      const took = performance.now() - began; // with the commit
      limit = Math.min(Math.max(MIN_ROWS, took > PIECE_MS ? limit >> 1 : limit * 2), MAX_ROWS);
      await sleep(took); // leaves half of the time to other calls
      if (unmerged >= MERGE_EVERY) {
        await index.merge({ moreFollow: true });
        unmerged = 0;
      }
    }
  };

  const isHidden = (id: string): boolean => q.hidden.get({ id }) !== undefined;
  const checkHidden = (id: string): void => {
    if (!isHidden(id)) throw new Error("This session is another one by now.");
  };
  const isLarge = (id: string): boolean => {
    const { history, state } = large(id, "all");
    return history || state;
  };
  const tidying = new Set<Promise<void>>();
  /** Merges the index without anybody waiting for it. The next cleanup does what fails. */
  const tidy = (): void => {
    const done = index.merge().catch(() => undefined);
    tidying.add(done);
    void done.finally(() => tidying.delete(done));
  };

  const isInTheWay = (id: string): boolean =>
    isLarge(id) && q.alive.get({ ...engine.times(), id }) === undefined;

  /** Deletes a hidden session. The next cleanup deletes the rest that a crash or stop leaves. Never rejects. */
  const purge = (id: string): Promise<void> => {
    const before = purging.get(id);
    if (before !== undefined) return before;
    const done = inPieces(id, "all", () => checkHidden(id))
      .then(() => engine.free(() => void q.deleteHidden.run({ id }), { durable: false }))
      .then(tidy)
      .catch(() => undefined)
      .finally(() => purging.delete(id));
    purging.set(id, done);
    return done;
  };

  /** A session that goes leaves the clients that worked in it. */
  const forgetCached = (): void => {
    cached.sessions.clear();
    cached.clients.clear();
  };
  /** Runs inside a write: false if the session does not exist, or is hidden already. */
  const hide = (id: string): boolean => {
    traces.forget(id); // as a trigger does with one that is deleted
    const isNew = q.hide.run({ id }).changes > 0;
    for (const forget of forgets) forget.run({ id });
    forgetCached();
    return isNew;
  };

  return {
    inPieces,
    tidy,
    purge,

    /**
     * Runs inside a write: deletes the session. A large one loses its name now, and its rows and its id afterwards, unless it
     * must go `whole`. False if it did not exist.
     */
    remove(id: string, { whole = false } = {}): boolean {
      if (!whole && isLarge(id)) {
        void purge(id);
        return hide(id);
      }
      forgetCached();
      return q.delete.run({ id }).changes > 0;
    },

    /** Runs inside a read or write: true if `vacate` has to delete a large session that has expired, or is hidden. */
    isInTheWay,

    /** Resolves when no such session has the id. */
    async vacate(id: string): Promise<void> {
      await engine.free(() => {
        if (isInTheWay(id)) hide(id);
      });
      await purge(id);
    },

    /** Resolves when all hidden sessions are deleted. */
    async purged(): Promise<void> {
      await Promise.all(purging.values());
      await Promise.all(tidying);
    },
  };
}
