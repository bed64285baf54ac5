// Calls with a request key in SQLite.
import { and, asc, eq, isNull, lt, ne, sql } from "drizzle-orm";
import {
  type IdempotentCallStart,
  type IdempotentCallStore,
  KEEP_OUTCOMES_MS,
  KeyTaken,
  type MakeOnce,
  NOT_KEPT,
} from "../../../idempotency/idempotent-calls.ts";
import { interruptedError } from "../../../lib/errors.ts";
import { FREED_OUTCOMES, NOBODY, resultOf } from "../../shared/keyed-calls.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { instances, keyedCallChanges, keyedCalls } from "../schema/schema.ts";

const { placeholder } = sql;

function statements({ db }: Engine) {
  const byId = eq(keyedCalls.id, placeholder("id"));
  const ofScope = and(
    eq(keyedCalls.owner, placeholder("owner")),
    eq(keyedCalls.scope, placeholder("scope")),
  );
  const ran = eq(keyedCalls.instanceId, placeholder("instanceId"));
  return lazily({
    find: () =>
      db
        .select()
        .from(keyedCalls)
        .where(and(ofScope, eq(keyedCalls.key, placeholder("key"))))
        .prepare(),
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(keyedCalls)
        .where(ofScope)
        .prepare(),
    oldest: () =>
      db
        .select({ id: keyedCalls.id })
        .from(keyedCalls)
        .where(and(ofScope, sql`(outcome is not null or instance_id = ${NOBODY})`))
        .orderBy(asc(keyedCalls.id))
        .limit(1)
        .prepare(),
    alive: () =>
      db
        .select({ id: instances.id })
        .from(instances)
        .where(eq(instances.id, placeholder("instanceId")))
        .prepare(),
    adopt: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: sql`${placeholder("to")}` })
        .where(
          and(
            byId,
            isNull(keyedCalls.outcome),
            ne(keyedCalls.instanceId, NOBODY),
            sql`(keyed_calls.instance_id = ${placeholder("to")}
            or not exists (select 1 from instances where instances.id = keyed_calls.instance_id))`,
          ),
        )
        .prepare(),
    take: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: sql`${placeholder("instanceId")}` })
        .where(byId)
        .prepare(),
    finish: () =>
      db
        .update(keyedCalls)
        .set({ outcome: sql`${placeholder("outcome")}` })
        .where(and(byId, ran))
        .prepare(),
    free: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: NOBODY })
        .where(and(byId, ran, eq(keyedCalls.scope, "")))
        .prepare(),
    ownerOf: () => db.select({ owner: keyedCalls.owner }).from(keyedCalls).where(byId).prepare(),
    oldestOfOwner: () =>
      db
        .delete(keyedCalls)
        .where(
          sql`${keyedCalls.id} in (select id from keyed_calls where owner = ${placeholder("owner")}
          and outcome is not null and id <> ${placeholder("id")} order by id limit ${FREED_OUTCOMES})`,
        )
        .prepare(),
    drop: () => db.delete(keyedCalls).where(and(byId, ran)).prepare(),
    remove: () => db.delete(keyedCalls).where(byId).prepare(),
  });
}

function changeStatements({ db }: Engine) {
  return lazily({
    mine: () =>
      db
        .select({ id: keyedCalls.id })
        .from(keyedCalls)
        .where(
          and(
            eq(keyedCalls.id, placeholder("id")),
            eq(keyedCalls.instanceId, placeholder("instanceId")),
          ),
        )
        .prepare(),
    change: () =>
      db
        .select({ result: keyedCallChanges.result })
        .from(keyedCallChanges)
        .where(
          and(
            eq(keyedCallChanges.callId, placeholder("id")),
            eq(keyedCallChanges.what, placeholder("what")),
            eq(keyedCallChanges.n, placeholder("n")),
          ),
        )
        .prepare(),
    // A call that deletes its own session is gone with it.
    noteChange: () =>
      db
        .insert(keyedCallChanges)
        .select(
          sql`select id, ${placeholder("what")}, ${placeholder("n")}, ${placeholder("result")}
          from keyed_calls where id = ${placeholder("id")}`,
        )
        .prepare(),
    forgetChanges: () =>
      db
        .delete(keyedCallChanges)
        .where(eq(keyedCallChanges.callId, placeholder("id")))
        .prepare(),
  });
}

/** See `MakeOnce`. */
function changesOf(
  engine: Engine,
  q: ReturnType<typeof changeStatements>,
  id: number,
  instanceId: string,
): MakeOnce {
  const counts = new Map<string, number>();
  return (what, act) =>
    engine.accompany((operation) => {
      const n = counts.get(what) ?? 0;
      counts.set(what, n + 1);
      return () => {
        if (q.mine.get({ id, instanceId }) === undefined) throw interruptedError();
        const made = q.change.get({ id, what, n });
        if (made !== undefined) return resultOf(made.result);
        const result = operation();
        q.noteChange.run({ id, what, n, result: JSON.stringify(result) ?? null });
        return result;
      };
    }, act);
}

export function sqliteKeyedCallStore(
  engine: Engine,
  usage: Pick<Usage, "isFull">,
): IdempotentCallStore {
  const { db, clock } = engine;
  const expired = lt(keyedCalls.createdAt, placeholder("oldest"));
  const q = statements(engine);
  const changes = changeStatements(engine);
  /**
   * Deletes the oldest outcomes of a principal that has reached its limit: a call that frees space may have a key, too.
   * True if that was enough.
   */
  const makeRoom = (owner: string, id: number): boolean => {
    if (!usage.isFull(owner)) return true;
    return q.oldestOfOwner.run({ owner, id }).changes > 0 && !usage.isFull(owner);
  };
  const isRegistered = (instanceId: string): boolean => q.alive.get({ instanceId }) !== undefined;
  const oldest = (): number => engine.time.ago(KEEP_OUTCOMES_MS);

  return {
    begin: ({ owner, scope, key, request, frees = false }, { instanceId, newSessionId, max }) => {
      const take = (): IdempotentCallStart => {
        const found = q.find.get({ owner, scope, key });
        const free = found?.instanceId === NOBODY;
        if (
          found !== undefined &&
          (found.createdAt < oldest() || (free && found.request !== request))
        )
          q.remove.run({ id: found.id });
        else if (found !== undefined) {
          if (found.request !== request) throw new KeyTaken();
          const { id, newSessionId } = found;
          if (found.outcome !== null) return { kind: "done", outcome: found.outcome };
          if (!free && found.instanceId !== instanceId && isRegistered(found.instanceId))
            return { kind: "running", id: String(id) };
          if (!isRegistered(instanceId)) return { kind: "unregistered" };
          if (!free) return { kind: "lost", id: String(id), newSessionId };
          q.take.run({ id, instanceId });
          return { kind: "started", id: String(id), newSessionId };
        }
        if (!isRegistered(instanceId)) return { kind: "unregistered" };
        if (q.count.get({ owner, scope })!.n >= max) {
          const first = q.oldest.get({ owner, scope });
          if (first !== undefined) q.remove.run(first);
        }
        const row = { owner, scope, key, request, newSessionId, instanceId };
        const { id } = db
          .insert(keyedCalls)
          .values({ ...row, createdAt: clock.now() })
          .returning({ id: keyedCalls.id })
          .get();
        makeRoom(owner, id);
        return { kind: "started", id: String(id), newSessionId };
      };
      return frees ? engine.free(take) : engine.write(take);
    },
    adopt: (call, to) =>
      engine.free(() => isRegistered(to) && q.adopt.run({ id: Number(call), to }).changes === 1),
    finish: (call, instanceId, outcome) =>
      engine.free(() => {
        const id = Number(call);
        if (q.finish.run({ id, instanceId, outcome }).changes === 0) return;
        changes.forgetChanges.run({ id });
        if (!makeRoom(q.ownerOf.get({ id })!.owner, id))
          q.finish.run({ id, instanceId, outcome: NOT_KEPT });
      }),
    drop: (call, instanceId) =>
      engine.free(() => {
        const id = Number(call);
        // Without a session, the row keeps the id of the one that the call may have opened.
        if (q.free.run({ id, instanceId }).changes > 0) changes.forgetChanges.run({ id });
        else q.drop.run({ id, instanceId });
      }),
    changes: (call, instanceId) => changesOf(engine, changes, Number(call), instanceId),
    ...sqliteExpiring(engine, keyedCalls, expired, () => ({ oldest: oldest() })),
  };
}
