// The cutoffs of this folder in SQLite: their records, and the counts of rows between two cutoffs.
import { and, eq, gt, lt, max, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { type Cutoffs, EMPTY_AGE_MS } from "../../../jobs/cleanup.ts";
import { Cutoff, type CutoffKind } from "../../../jobs/cutoff.ts";
import { type Jump, TrustedTime } from "../../../jobs/trusted-time.ts";
import { type Clock, CLOCK_SET } from "../../../lib/clock.ts";
import { blank, type EngineTimes, inUse, recordOfRow, settleCutoffs } from "../../shared/expiry.ts";
import type { Expiry } from "../../storage.ts";
import type { Sqlite } from "../engine/connection.ts";
import type { Engine } from "../engine/engine.ts";
import { drizzleOf, lazily } from "../engine/statements.ts";
import { clients, clockJumps, cutoffs, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

/** `onJump`: called when the clock has moved without seen time. */
export async function openCutoffs(
  sqlite: Sqlite,
  clock: Clock,
  { maxAgeMs, clientAgeMs }: Expiry,
  onJump?: (jump: Jump) => void,
): Promise<EngineTimes> {
  const db = drizzleOf(sqlite);
  const last = db
    .select({ at: max(cutoffs.seenAt) })
    .from(cutoffs)
    .get();
  const jumps = db.select().from(clockJumps).all();
  const readAt = Math.max(last?.at ?? 0, ...jumps.map(({ at }) => at));
  const time = new TrustedTime(clock, { readAt, jumps }, onJump);
  const reach = countReach(sqlite);
  const open = (kind: CutoffKind, ageMs: number): Promise<Cutoff> =>
    Cutoff.open(
      clock,
      time,
      ageMs,
      (after, upTo) => reach[kind].get({ after, upTo })!.n > 0,
      recordOfRow(db.select().from(cutoffs).where(eq(cutoffs.kind, kind)).get()),
    );
  return {
    time,
    session: await open("session", maxAgeMs),
    client: await open("client", clientAgeMs),
    empty: await open("empty", EMPTY_AGE_MS),
  };
}

export function sqliteCutoffs(engine: Engine, sqlite: Sqlite, of: EngineTimes): Cutoffs {
  const reach = countReach(sqlite);
  const save = (kind: CutoffKind, row: Omit<typeof cutoffs.$inferInsert, "kind">): void => {
    const values = { kind, ...row };
    engine.db
      .insert(cutoffs)
      .values(values)
      .onConflictDoUpdate({ target: cutoffs.kind, set: row })
      .run();
  };
  /** Dates rows from now that were created and last used while the clock was not set: their age is unknown. */
  const redate = (): void => {
    const now = engine.clock.now();
    const unset = (column: SQLiteColumn) => and(gt(column, 0), lt(column, CLOCK_SET));
    const found = [
      engine.db
        .update(sessions)
        .set({ lastActiveAt: now })
        .where(and(unset(sessions.lastActiveAt), unset(sessions.createdAt)))
        .run(),
      engine.db
        .update(clients)
        .set({ lastSeenAt: now })
        .where(and(unset(clients.lastSeenAt), unset(clients.createdAt)))
        .run(),
    ];
    if (found.every(({ changes }) => changes === 0)) return;
    engine.cached.sessions.clear();
    engine.cached.clients.clear();
  };
  const redateFreely = (): Promise<void> => engine.free(redate, { durable: false });
  // Date them at once, because they are hidden until then. If the write fails, the next run does it.
  of.time.whenSet(() => void redateFreely().catch(() => undefined));
  const saveJumps = (): void => {
    engine.db.delete(clockJumps).run();
    for (const { asleep, ms, at } of of.time.jumps)
      engine.db
        .insert(clockJumps)
        .values({ asleep, ms: Math.ceil(ms), at: Math.floor(at) })
        .run();
  };
  // Without them, what waits for its client would be old for the next process.
  of.time.whenChanged(() => void engine.free(saveJumps, { durable: false }).catch(() => undefined));
  return {
    async settle(graceMs, { consent, dryRun }) {
      if (!dryRun && of.time.isSet) await redateFreely();
      const { rows, isNew } = await settleCutoffs(of, graceMs, consent);
      const saveAll = (): void => rows.forEach(({ kind, ...row }) => save(kind, row));
      if (!dryRun) await engine.free(saveAll, { durable: false });
      return isNew;
    },
    async waiting() {
      const waiting = await of.session.waiting();
      if (waiting === undefined) return undefined;
      const { until, ...between } = waiting;
      const values = { ...between, now: engine.clock.now() };
      const { n: sessions } = await engine.readNow(() => reach.waiting.get(values)!);
      return sessions > 0 ? { sessions, until } : undefined;
    },
    get waitsUntil() {
      return of.session.waitsUntil;
    },
  };
}

/**
 * Counters of each kind: rows that were last used after one time and not after the other. Rows in use count, although they
 * stay: their use may end as soon as the cutoff has moved. `waiting`: the sessions that would go now.
 */
function countReach(sqlite: Sqlite) {
  const db = drizzleOf(sqlite);
  const within = (column: SQL): SQL =>
    sql`${column} > ${placeholder("after")} and ${column} <= ${placeholder("upTo")}`;
  const counter = (table: typeof sessions | typeof clients, condition: SQL) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(table)
      .where(condition)
      .prepare();
  const used = within(sql`sessions.last_active_at`);
  const old = sql`${used} and sessions.keep_ms is null and sessions.pinned = 0`;
  return lazily({
    session: () => counter(sessions, old),
    empty: () => counter(sessions, sql`${used} and ${blank} and sessions.pinned = 0`),
    client: () =>
      counter(clients, sql`${within(sql`clients.last_seen_at`)} and clients.ended_at is null`),
    waiting: () => counter(sessions, sql`${old} and not ${inUse}`),
  });
}
