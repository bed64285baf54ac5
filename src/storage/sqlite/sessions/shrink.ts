// Deletion of large sessions and histories in batches, so that other calls can run in between. What goes is invisible first: a
// deleted session is hidden, and a cleared history is marked as such.
import { and, eq, ne, sql } from "drizzle-orm";
import { HIDDEN, sessionAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import {
  clients,
  grants,
  runningSessions,
  sessions,
  shareOffers,
  summaries,
  tasks,
  turns,
} from "../schema/schema.ts";
import type { IndexMerge } from "../search/index-merge.ts";
import { sqliteBatches } from "./batches.ts";
import { sqliteTraces } from "./traces.ts";

const { placeholder } = sql;

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
    /** The session's other rows, besides messages and state. */
    otherRows: () => [
      db
        .update(clients)
        .set({ sessionId: null })
        .where(eq(clients.sessionId, placeholder("id")))
        .prepare(),
      ...[grants, shareOffers, summaries, tasks, turns, runningSessions].map((table) =>
        db
          .delete(table)
          .where(eq(table.sessionId, placeholder("id")))
          .prepare(),
      ),
    ],
  });
}

export class Shrink {
  readonly #engine: Engine;
  readonly #index: IndexMerge;
  readonly #batches: ReturnType<typeof sqliteBatches>;
  readonly #gaps: ReturnType<typeof sqliteHistoryGaps>;
  readonly #traces: ReturnType<typeof sqliteTraces>;
  readonly #q: ReturnType<typeof statements>;
  readonly #purging = new Map<string, Promise<void>>();
  readonly #tidying = new Set<Promise<void>>();

  constructor(engine: Engine, index: IndexMerge) {
    this.#engine = engine;
    this.#index = index;
    this.#batches = sqliteBatches(engine, index);
    this.#gaps = sqliteHistoryGaps(engine);
    this.#traces = sqliteTraces(engine);
    this.#q = statements(engine);
  }

  /** Merges the index without anybody waiting for it. The next cleanup does what fails. */
  tidy(): void {
    const done = this.#index.merge().catch(() => undefined);
    this.#tidying.add(done);
    void done.finally(() => this.#tidying.delete(done));
  }

  /** Deletes the state if it is large. `check` throws in each batch if the caller may no longer do it. */
  removeState(id: string, check: () => void): Promise<void> {
    return this.#batches.removeState(id, check);
  }

  /** Deletes the rows of a cleared history that another process has left. */
  removeCleared(id: string, signal?: AbortSignal): Promise<void> {
    return this.#batches.removeCleared(id, signal);
  }

  /** Runs inside a write: clears a history of many messages, whose rows go afterwards; false for a shorter one. */
  clear(id: string): boolean {
    if (!this.#batches.hasManyMessages(id)) return false;
    this.#gaps.mark(id);
    void this.#purge(id);
    return true;
  }

  /**
   * Runs inside a write: deletes the session. A large one loses its name now, and its rows and its id afterwards, unless it
   * must go `whole`. False if it did not exist.
   */
  remove(id: string, { whole = false } = {}): boolean {
    if (!whole && this.#batches.isLarge(id)) {
      void this.#purge(id);
      return this.#hide(id);
    }
    this.#forgetCached();
    return this.#q.delete.run({ id }).changes > 0;
  }

  /** Runs inside a read or write: true if `vacate` has to delete a large session that has expired, or is hidden. */
  isInTheWay(id: string): boolean {
    if (!this.#batches.isLarge(id)) return false;
    return this.#q.alive.get({ ...this.#engine.times(), id }) === undefined;
  }

  /** Resolves when no such session has the id. */
  async vacate(id: string): Promise<void> {
    await this.#engine.free(() => {
      if (this.isInTheWay(id)) this.#hide(id);
    });
    await this.#purge(id);
  }

  /** Resolves when all rows are gone that this process has hidden or cleared. */
  async purged(): Promise<void> {
    await Promise.all(this.#purging.values());
    await Promise.all(this.#tidying);
  }

  /**
   * Deletes the rows of a cleared history, or of a hidden session. The next cleanup deletes the rest that a crash or stop
   * leaves. Never rejects.
   */
  #purge(id: string): Promise<void> {
    const before = this.#purging.get(id) ?? Promise.resolve();
    const done = before
      .then(() => this.#removeRows(id))
      .then(() => this.tidy())
      .catch(() => undefined)
      .finally(() => {
        if (this.#purging.get(id) === done) this.#purging.delete(id);
      });
    this.#purging.set(id, done);
    return done;
  }

  async #removeRows(id: string): Promise<void> {
    const isHidden = (): boolean => this.#q.hidden.get({ id }) !== undefined;
    await this.#batches.removeCleared(id);
    if (!(await this.#engine.readNow(isHidden))) return;
    await this.#batches.removeState(id, () => {
      if (!isHidden()) throw new Error("This session is another one by now.");
    });
    const removeSession = (): void => void this.#q.deleteHidden.run({ id });
    await this.#engine.free(removeSession, { durable: false });
  }

  /** Runs inside a write: false if the session does not exist, or is hidden already. */
  #hide(id: string): boolean {
    this.#traces.forget(id); // as a trigger does with one that is deleted
    const isNew = this.#q.hide.run({ id }).changes > 0;
    this.#gaps.mark(id);
    for (const rows of this.#q.otherRows) rows.run({ id });
    this.#forgetCached();
    return isNew;
  }

  /** A session that goes leaves the clients that worked in it. */
  #forgetCached(): void {
    this.#engine.cached.sessions.clear();
    this.#engine.cached.clients.clear();
  }
}
