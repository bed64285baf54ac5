// Deletion of large sessions in batches, so that other calls can run in between. A deleted session is hidden first.
import { and, eq, ne, sql } from "drizzle-orm";
import { HIDDEN, sessionAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import {
  clients,
  grants,
  runningSessions,
  sessions,
  shareOffers,
  summaries,
  turns,
} from "../schema/schema.ts";
import type { IndexMerge } from "../search/index-merge.ts";
import { sqliteBatches } from "./batches.ts";
import { sqliteTraces } from "./traces.ts";

const { placeholder } = sql;

export type Shrink = ReturnType<typeof sqliteShrink>;

const byId = eq(sessions.id, placeholder("id"));

function statements({ db }: Engine) {
  return lazily({
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
}

/** Deletes a session's other rows, besides messages and state. */
const otherRowsOf = ({ db }: Engine) => [
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

export function sqliteShrink(engine: Engine, index: IndexMerge) {
  const { cached } = engine;
  const { inPieces, isLarge } = sqliteBatches(engine, index);
  const traces = sqliteTraces(engine);
  const q = statements(engine);
  const otherRows = otherRowsOf(engine);
  const purging = new Map<string, Promise<void>>();

  const isHidden = (id: string): boolean => q.hidden.get({ id }) !== undefined;
  const checkHidden = (id: string): void => {
    if (!isHidden(id)) throw new Error("This session is another one by now.");
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
    for (const rows of otherRows) rows.run({ id });
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
