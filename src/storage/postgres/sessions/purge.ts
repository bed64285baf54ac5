// Deletion of large sessions and histories in batches. What goes is invisible at once: a deleted session is hidden, and a cleared
// history is marked as such.
import { and, eq, sql } from "drizzle-orm";
import { HIDDEN } from "../../shared/expiry.ts";
import { clearedSeqOf } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { postgresHistoryGaps } from "../history/history-gaps.ts";
import {
  clients,
  grants,
  messages,
  runningSessions,
  sessions,
  sessionState,
  shareOffers,
  summaries,
  tasks,
  turns,
} from "../schema/schema.ts";
import { postgresTraces } from "./traces.ts";

const { placeholder } = sql;

/** Number of rows from which a session or a history is deleted in batches. */
const MANY_ROWS = 200;
/** Rows of one transaction. */
const BATCH = 1_000;

export class Purge {
  readonly #engine: Engine;
  readonly #writes: WriteAccess;
  readonly #q: ReturnType<typeof statementsOf>;
  readonly #gaps: ReturnType<typeof postgresHistoryGaps>;
  readonly #traces: ReturnType<typeof postgresTraces>;
  readonly #running = new Map<string, Promise<void>>();

  constructor(engine: Engine, writes: WriteAccess) {
    this.#engine = engine;
    this.#writes = writes;
    this.#q = statementsOf(engine);
    this.#gaps = postgresHistoryGaps(engine);
    this.#traces = postgresTraces(engine);
  }

  /** Within the lock on the session: hides a large session; false for any other. `start` deletes its rows. */
  async hide(id: string): Promise<boolean> {
    const { messages, keys } = (await this.#q.rows.get({ id }))!;
    if (messages < MANY_ROWS && keys < MANY_ROWS) return false;
    if ((await this.#q.hide.run({ id })).changes === 0) return false;
    await Promise.all([
      this.#q.leave.run({ id }),
      this.#q.grants.run({ id }),
      this.#q.shareOffers.run({ id }),
      this.#q.summaries.run({ id }),
      this.#q.turns.run({ id }),
      this.#q.runningSessions.run({ id }),
      this.#q.tasks.run({ id }),
      this.#traces.forget(id), // as a trigger does with one that is deleted
      this.#gaps.mark(id),
    ]);
    return true;
  }

  /** Within the lock on the session: marks a history of many messages as cleared; false for a shorter one. */
  async clear(id: string): Promise<boolean> {
    if ((await this.#q.rows.get({ id }))!.messages < MANY_ROWS) return false;
    await this.#gaps.mark(id);
    return true;
  }

  /**
   * Deletes the rows of a cleared history, or of a hidden session. The next cleanup deletes the rest that a crash or stop
   * leaves. Never rejects.
   */
  start(id: string): Promise<void> {
    const before = this.#running.get(id) ?? Promise.resolve();
    const done = before
      .then(() => this.#removeRows(id))
      .catch(() => undefined)
      .finally(() => {
        if (this.#running.get(id) === done) this.#running.delete(id);
      });
    this.#running.set(id, done);
    return done;
  }

  /** Deletes the rows of cleared histories that other processes have left. */
  async continue(signal?: AbortSignal): Promise<void> {
    for (const { id } of await this.#engine.read(() => this.#q.cleared.all()))
      if (!signal?.aborted) await this.#removeCleared(id, signal);
  }

  /** Resolves when all rows are gone that this process has hidden or cleared. */
  async done(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #removeRows(id: string): Promise<void> {
    await this.#removeCleared(id);
    if ((await this.#engine.read(() => this.#q.hidden.get({ id }))) === undefined) return;
    await this.#inBatches("someState", id);
    const removeSession = async (): Promise<void> => void (await this.#q.deleteHidden.run({ id }));
    await this.#engine.writeRelaxed(removeSession);
  }

  async #removeCleared(id: string, signal?: AbortSignal): Promise<void> {
    await this.#inBatches("someMessages", id, signal);
    if (signal?.aborted) return;
    // Relaxed, as all writes here: nothing that accompanies the caller's write belongs to them.
    await this.#engine.writeRelaxed(async () => {
      await this.#writes.lock(id);
      if ((await this.#q.anyCleared.get({ id })) === undefined) await this.#gaps.unmark(id);
    });
  }

  async #inBatches(rows: "someMessages" | "someState", id: string, signal?: AbortSignal) {
    while (!signal?.aborted) {
      const { changes } = await this.#engine.writeRelaxed(() => this.#q[rows].run({ id }));
      if (changes < BATCH) break;
    }
  }
}

function statementsOf({ db }: Engine) {
  const id = placeholder("id");
  const byId = eq(sessions.id, id);
  const isHidden = and(byId, eq(sessions.lastActiveAt, HIDDEN));
  const upTo = (rows: number) => sql.raw(String(rows));
  const cleared = sql`messages.session_id = ${id} and messages.seq <= ${clearedSeqOf(id)}`;
  return prepared({
    rows: () =>
      db
        .select({
          messages: sql<number>`(select count(*) from (select 1 from messages
            where messages.session_id = ${id} limit ${upTo(MANY_ROWS)}) as few)`,
          keys: sql<number>`(select count(*) from (select 1 from session_state
            where session_state.session_id = ${id} limit ${upTo(MANY_ROWS)}) as few)`,
        })
        .from(sql`(select 1) as one`),
    hide: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: HIDDEN, name: null, title: null, system: null, pinned: false })
        .where(and(byId, sql`sessions.last_active_at <> ${upTo(HIDDEN)}`)),
    leave: () => db.update(clients).set({ sessionId: null }).where(eq(clients.sessionId, id)),
    grants: () => db.delete(grants).where(eq(grants.sessionId, id)),
    shareOffers: () => db.delete(shareOffers).where(eq(shareOffers.sessionId, id)),
    summaries: () => db.delete(summaries).where(eq(summaries.sessionId, id)),
    turns: () => db.delete(turns).where(eq(turns.sessionId, id)),
    tasks: () => db.delete(tasks).where(eq(tasks.sessionId, id)),
    runningSessions: () => db.delete(runningSessions).where(eq(runningSessions.sessionId, id)),
    cleared: () =>
      db
        .select({ id: sql<string>`history_gaps.session_id` })
        .from(sql`history_gaps`)
        .where(sql`history_gaps.cleared_seq > 0`),
    anyCleared: () => db.select({ id: messages.id }).from(messages).where(cleared).limit(1),
    someMessages: () =>
      db.delete(messages).where(
        sql`${messages.id} = any(array(select messages.id from messages where ${cleared}
            order by messages.seq limit ${upTo(BATCH)}))`,
      ),
    hidden: () => db.select({ id: sessions.id }).from(sessions).where(isHidden),
    someState: () =>
      db.delete(sessionState).where(
        sql`${sessionState.sessionId} = ${id} and ${sessionState.key} = any(array(select session_state.key
          from session_state join sessions on sessions.id = session_state.session_id
          where session_state.session_id = ${id} and sessions.last_active_at = ${upTo(HIDDEN)} limit ${upTo(BATCH)}))`,
      ),
    deleteHidden: () => db.delete(sessions).where(isHidden),
  });
}
