// Rows of calls with a request key, of their changes, and of the processes that run them.
import { and, eq, isNull, ne, sql } from "drizzle-orm";
import { FREED_OUTCOMES, NOBODY } from "../../shared/keyed-calls.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { instances, keyedCallChanges, keyedCalls } from "../schema/schema.ts";

const { placeholder } = sql;

/** Statements on calls. */
export function callRows({ db }: Engine) {
  const byId = eq(keyedCalls.id, placeholder("id"));
  const ofScope = and(
    eq(keyedCalls.owner, placeholder("owner")),
    eq(keyedCalls.scope, placeholder("scope")),
  );
  const ran = eq(keyedCalls.instanceId, placeholder("instanceId"));
  return prepared({
    find: () =>
      db
        .select()
        .from(keyedCalls)
        .where(and(ofScope, eq(keyedCalls.key, placeholder("key")))),
    lock: () => db.select({ id: keyedCalls.id }).from(keyedCalls).where(byId).for("no key update"),
    /** The lock of a run that makes a change. */
    hold: () =>
      db.select({ id: keyedCalls.id }).from(keyedCalls).where(and(byId, ran)).for("no key update"),
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(keyedCalls)
        .where(ofScope),
    insert: () =>
      db
        .insert(keyedCalls)
        .values({
          owner: placeholder("owner"),
          scope: placeholder("scope"),
          key: placeholder("key"),
          request: placeholder("request"),
          newSessionId: placeholder("newSessionId"),
          instanceId: placeholder("instanceId"),
          createdAt: placeholder("now"),
        })
        .returning({ id: keyedCalls.id }),
    dropOldest: () =>
      db.delete(keyedCalls).where(
        sql`${keyedCalls.id} = any(array(select id from keyed_calls where owner = ${placeholder("owner")} and scope = ${placeholder("scope")}
          and (outcome is not null or instance_id = ${sql.raw(`'${NOBODY}'`)}) order by id limit 1))`,
      ),
    adopt: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: sql`${placeholder("to")}` })
        .where(
          and(
            byId,
            isNull(keyedCalls.outcome),
            ne(keyedCalls.instanceId, NOBODY),
            sql`exists (select 1 from instances where instances.id = ${placeholder("to")})`,
            sql`(keyed_calls.instance_id = ${placeholder("to")}
            or not exists (select 1 from instances where instances.id = keyed_calls.instance_id))`,
          ),
        ),
    take: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: sql`${placeholder("instanceId")}` })
        .where(byId),
    finish: () =>
      db
        .update(keyedCalls)
        .set({ outcome: sql`${placeholder("outcome")}` })
        .where(and(byId, ran))
        .returning({ owner: keyedCalls.owner }),
    free: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: NOBODY })
        .where(and(byId, ran, eq(keyedCalls.scope, ""))),
    // Rows that another transaction has locked are in use, and waiting for them could never end.
    oldestOfOwner: () =>
      db.delete(keyedCalls).where(
        sql`${keyedCalls.id} = any(array(select id from keyed_calls where owner = ${placeholder("owner")}
          and outcome is not null and id <> ${placeholder("id")} order by id limit ${sql.raw(String(FREED_OUTCOMES))} for update skip locked))`,
      ),
    drop: () => db.delete(keyedCalls).where(and(byId, ran)),
    remove: () => db.delete(keyedCalls).where(byId),
  });
}

/** Statements on the changes of calls. */
export function callChangeRows({ db }: Engine) {
  const ofCall = eq(keyedCallChanges.callId, placeholder("id"));
  return prepared({
    find: () =>
      db
        .select({ result: keyedCallChanges.result })
        .from(keyedCallChanges)
        .where(
          and(
            ofCall,
            eq(keyedCallChanges.what, placeholder("what")),
            eq(keyedCallChanges.n, placeholder("n")),
          ),
        ),
    // A call that deletes its own session is gone with it.
    note: () =>
      db.insert(keyedCallChanges).select(
        sql`select id, ${placeholder("what")}, ${placeholder("n")}::bigint, ${placeholder("result")}
          from keyed_calls where id = ${placeholder("id")}`,
      ),
    forget: () => db.delete(keyedCallChanges).where(ofCall),
  });
}

/** Statements on the processes that run calls. */
export function runnerRows({ db }: Engine) {
  const instance = eq(instances.id, placeholder("instanceId"));
  return prepared({
    find: () => db.select({ id: instances.id }).from(instances).where(instance),
    /** The instance, which others cannot take for dead before the commit. */
    hold: () => db.select({ id: instances.id }).from(instances).where(instance).for("key share"),
  });
}
