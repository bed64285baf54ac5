// Calls with a request key in SQLite.
import { and, asc, eq, isNull, lt, sql } from "drizzle-orm";
import { keyTaken, type KeyedCallStore } from "../../sessions/keyed-calls.ts";
import type { Engine } from "./engine.ts";
import { instances, keyedCalls } from "./schema.ts";

const { placeholder } = sql;

/** How long an outcome is kept: much longer than a caller goes on repeating. */
const KEEP_MS = 24 * 3_600_000;

export function sqliteKeyedCallStore(engine: Engine): KeyedCallStore {
  const { db, clock } = engine;
  const byId = eq(keyedCalls.id, placeholder("id"));
  const ofScope = and(
    eq(keyedCalls.owner, placeholder("owner")),
    eq(keyedCalls.scope, placeholder("scope")),
  );
  const expired = lt(keyedCalls.createdAt, placeholder("oldest"));
  const q = {
    find: db
      .select()
      .from(keyedCalls)
      .where(and(ofScope, eq(keyedCalls.key, placeholder("key"))))
      .prepare(),
    count: db
      .select({ n: sql<number>`count(*)` })
      .from(keyedCalls)
      .where(ofScope)
      .prepare(),
    oldest: db
      .select({ id: keyedCalls.id })
      .from(keyedCalls)
      .where(and(ofScope, sql`${keyedCalls.outcome} is not null`))
      .orderBy(asc(keyedCalls.id))
      .limit(1)
      .prepare(),
    alive: db
      .select({ id: instances.id })
      .from(instances)
      .where(eq(instances.id, placeholder("instanceId")))
      .prepare(),
    adopt: db
      .update(keyedCalls)
      .set({ instanceId: sql`${placeholder("to")}` })
      .where(
        and(
          byId,
          isNull(keyedCalls.outcome),
          sql`not exists (select 1 from instances where instances.id = keyed_calls.instance_id)`,
        ),
      )
      .prepare(),
    finish: db
      .update(keyedCalls)
      .set({ outcome: sql`${placeholder("outcome")}` })
      .where(byId)
      .prepare(),
    drop: db.delete(keyedCalls).where(byId).prepare(),
    countExpired: db
      .select({ n: sql<number>`count(*)` })
      .from(keyedCalls)
      .where(expired)
      .prepare(),
    deleteExpired: db
      .delete(keyedCalls)
      .where(
        sql`${keyedCalls.id} in (select id from keyed_calls where created_at < ${placeholder("oldest")} limit ${placeholder("limit")})`,
      )
      .prepare(),
  };
  const oldest = (): number => clock.now() - KEEP_MS;

  return {
    begin: ({ owner, scope, key, request }, { instanceId, newSessionId, max }) =>
      engine.write(() => {
        const found = q.find.get({ owner, scope, key });
        if (found !== undefined && found.createdAt < oldest()) q.drop.run({ id: found.id });
        else if (found !== undefined) {
          if (found.request !== request) throw keyTaken();
          if (found.outcome !== null) return { kind: "done", outcome: found.outcome };
          const running = q.alive.get({ instanceId: found.instanceId }) !== undefined;
          if (running) return { kind: "running" };
          return { kind: "lost", id: found.id, newSessionId: found.newSessionId };
        }
        if (q.count.get({ owner, scope })!.n >= max) {
          const first = q.oldest.get({ owner, scope });
          if (first !== undefined) q.drop.run(first);
        }
        const row = { owner, scope, key, request, newSessionId, instanceId };
        const { id } = db
          .insert(keyedCalls)
          .values({ ...row, createdAt: clock.now() })
          .returning({ id: keyedCalls.id })
          .get();
        return { kind: "started", id, newSessionId };
      }),
    adopt: (id, to) => engine.write(() => q.adopt.run({ id, to }).changes === 1),
    finish: (id, outcome) => engine.write(() => void q.finish.run({ id, outcome })),
    drop: (id) => engine.write(() => void q.drop.run({ id })),
    countExpired: () => engine.read(() => q.countExpired.get({ oldest: oldest() })!.n),
    deleteExpired: (limit) =>
      engine.write(() => q.deleteExpired.run({ oldest: oldest(), limit }).changes),
  };
}
