// The cutoffs of this database in PostgreSQL: their records, and the counts of rows between two cutoffs.
import { and, eq, gt, lt, max, type SQL, sql } from "drizzle-orm";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Cutoffs, EMPTY_AGE_MS } from "../../../jobs/cleanup.ts";
import { Cutoff, type CutoffKind, type CutoffRecord } from "../../../jobs/cutoff.ts";
import { type Jump, TrustedTime } from "../../../jobs/trusted-time.ts";
import { type Clock, CLOCK_SET } from "../../../lib/clock.ts";
import { blank, type EngineTimes, inUse, recordOfRow, settleCutoffs } from "../../shared/expiry.ts";
import type { Expiry } from "../../storage.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { clients, clockJumps, cutoffs, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

/** `onJump`: called when the clock has moved without seen time. */
export async function openCutoffs(
  db: NodePgDatabase,
  clock: Clock,
  { maxAgeMs, clientAgeMs }: Expiry,
  onJump?: (jump: Jump) => void,
): Promise<EngineTimes> {
  const [last] = await db.select({ at: max(cutoffs.seenAt) }).from(cutoffs);
  const jumps = await db.select().from(clockJumps);
  const readAt = Math.max(last?.at ?? 0, ...jumps.map(({ at }) => at));
  const time = new TrustedTime(clock, { readAt, jumps }, onJump);
  const reach = countReach(db);
  const open = async (kind: CutoffKind, ageMs: number): Promise<Cutoff> => {
    const reaches = async (after: number, upTo: number): Promise<boolean> =>
      (await reach[kind].get(whole({ after, upTo })))!.n > 0;
    return Cutoff.open(clock, time, ageMs, reaches, await recordOf(db, kind));
  };
  return {
    time,
    session: await open("session", maxAgeMs),
    client: await open("client", clientAgeMs),
    empty: await open("empty", EMPTY_AGE_MS),
  };
}

async function recordOf(db: NodePgDatabase, kind: CutoffKind): Promise<CutoffRecord | undefined> {
  const [row] = await db.select().from(cutoffs).where(eq(cutoffs.kind, kind));
  return recordOfRow(row);
}

export function postgresCutoffs(engine: Engine, of: EngineTimes): Cutoffs {
  const reach = countReach(engine.db);
  const redateFreely = (): Promise<void> => engine.write(() => redate(engine));
  // Date them at once, because they are hidden until then. If the write fails, the next run does it.
  of.time.whenSet(() => void redateFreely().catch(() => undefined));
  // Without them, what waits for its client would be old for the next process.
  of.time.whenChanged(
    () => void engine.write(() => saveJumps(engine, of.time)).catch(() => undefined),
  );
  return {
    async settle(graceMs, { consent, dryRun }) {
      if (!dryRun && of.time.isSet) await redateFreely();
      const { rows, isNew } = await settleCutoffs(of, graceMs, consent);
      if (!dryRun)
        await engine.write(async () => {
          for (const { kind, ...row } of rows) await save(engine, kind, row);
        });
      return isNew;
    },
    async waiting() {
      const waiting = await of.session.waiting();
      if (waiting === undefined) return undefined;
      const { until, ...between } = waiting;
      const values = whole({ ...between, now: engine.clock.now() });
      const { n: sessions } = (await engine.read(() => reach.waiting.get(values)))!;
      return sessions > 0 ? { sessions, until } : undefined;
    },
    get waitsUntil() {
      return of.session.waitsUntil;
    },
  };
}

async function save(
  { db }: Engine,
  kind: CutoffKind,
  row: Omit<typeof cutoffs.$inferInsert, "kind">,
): Promise<void> {
  await db
    .insert(cutoffs)
    .values({ kind, ...row })
    .onConflictDoUpdate({ target: cutoffs.kind, set: row });
}

/** Dates rows from now that were created and last used while the clock was not set: nobody knows their age. */
async function redate({ db, clock }: Engine): Promise<void> {
  const now = clock.now();
  const unset = (column: PgColumn) => and(gt(column, 0), lt(column, CLOCK_SET));
  await db
    .update(sessions)
    .set({ lastActiveAt: now })
    .where(and(unset(sessions.lastActiveAt), unset(sessions.createdAt)));
  await db
    .update(clients)
    .set({ lastSeenAt: now })
    .where(and(unset(clients.lastSeenAt), unset(clients.createdAt)));
}

async function saveJumps(engine: Engine, time: TrustedTime): Promise<void> {
  await engine.lock("clock jumps");
  await engine.db.delete(clockJumps);
  for (const { asleep, ms, at } of time.jumps)
    await engine.db.insert(clockJumps).values({ asleep, ms: Math.ceil(ms), at: Math.floor(at) });
}

/** The columns have whole milliseconds. */
const whole = (times: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.floor(ms)]));

/**
 * Counters of each kind: rows that were last used after one time and not after the other. Rows in use count, although they
 * stay: their use may end as soon as the cutoff has moved. `waiting`: the sessions that would go now.
 */
function countReach(db: NodePgDatabase) {
  const within = (column: SQL): SQL =>
    sql`${column} > ${placeholder("after")} and ${column} <= ${placeholder("upTo")}`;
  const counter = (table: typeof sessions | typeof clients, condition: SQL) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(table)
      .where(condition);
  const used = within(sql`sessions.last_active_at`);
  const old = sql`${used} and sessions.keep_ms is null and not sessions.pinned`;
  return prepared({
    session: () => counter(sessions, old),
    empty: () => counter(sessions, sql`${used} and ${blank} and not sessions.pinned`),
    client: () =>
      counter(clients, sql`${within(sql`clients.last_seen_at`)} and clients.ended_at is null`),
    waiting: () => counter(sessions, sql`${old} and not ${inUse}`),
  });
}
