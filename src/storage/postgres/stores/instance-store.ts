// The processes that use the database, in PostgreSQL.
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import type { InstanceStore } from "../../../instances/store.ts";
import { DUE } from "../../../tasks/store.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import {
  instances,
  keyedCalls,
  leases,
  messages,
  sessions,
  tasks,
  turns,
} from "../schema/schema.ts";
import { instanceWork } from "./instance-work.ts";

const { placeholder } = sql;

/** `onRemoved` is called after an instance was removed: those who wait for its work in this process look again. */
export function postgresInstanceStore(engine: Engine, onRemoved: () => void): InstanceStore {
  const q = statements(engine);
  return {
    file: undefined,
    heartbeat: (instance) =>
      engine.writeRelaxed(async () => {
        engine.time.read(); // what the clock does is noticed within a heartbeat
        return (await q.beat.get({ ...instance }))!.anew;
      }),
    list: () => engine.read(() => q.list.all()),
    ...instanceWork(engine, onRemoved),
    claim: async (lease, id) => {
      const { changes } = await engine.writeRelaxed(() => q.claim.run({ lease, id }));
      return changes > 0;
    },
    async remove(id, heartbeatAt) {
      const interrupted = await engine.write(async () => {
        const [, instance] = await Promise.all([q.lockSessions.all({ id }), q.lock.get({ id })]);
        if (heartbeatAt !== undefined && (instance?.heartbeatAt ?? 0) > heartbeatAt) return 0;
        const [ended, calls, left] = await Promise.all([
          q.endTurns.all({ id }),
          q.calls.all({ id }),
          q.tasks.get({ id }),
          q.remove.run({ id }),
        ]);
        const ids = ended.map(({ messageId }) => messageId);
        if (ids.length > 0) await q.interrupt.run({ ids });
        for (const { sessionId } of ended) engine.changed("session", sessionId);
        for (const call of calls) engine.changed("call", String(call.id));
        if (left !== undefined) engine.changed("task", DUE);
        return ended.length;
      });
      onRemoved();
      return interrupted;
    },
  };
}

function statements({ db }: Engine) {
  const byId = eq(instances.id, placeholder("id"));
  return prepared({
    list: () => db.select().from(instances),
    beat: () =>
      db
        .insert(instances)
        .values({
          id: placeholder("id"),
          host: placeholder("host"),
          pid: placeholder("pid"),
          startedAt: placeholder("startedAt"),
          heartbeatAt: placeholder("heartbeatAt"),
          serves: placeholder("serves"),
        })
        .onConflictDoUpdate({
          target: instances.id,
          set: { heartbeatAt: sql`excluded.heartbeat_at`, serves: sql`excluded.serves` },
        })
        // A row that was there has a version before this one.
        .returning({ anew: sql<boolean>`xmax = 0` }),
    // All that reads a turn to act on it has locked the session.
    lockSessions: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          inArray(
            sessions.id,
            db
              .select({ id: turns.sessionId })
              .from(turns)
              .where(eq(turns.instanceId, placeholder("id"))),
          ),
        )
        .orderBy(sessions.id)
        .for("no key update"),
    // Whoever claims something for the instance holds this row until the commit: from here on nobody does.
    lock: () => db.select().from(instances).where(byId).for("update"),
    endTurns: () =>
      db
        .delete(turns)
        .where(eq(turns.instanceId, placeholder("id")))
        .returning({ sessionId: turns.sessionId, messageId: turns.messageId }),
    interrupt: () =>
      db
        .update(messages)
        .set({ status: "interrupted" })
        .where(
          sql`${messages.status} = 'pending' and ${messages.id} = any(${placeholder("ids")}::bigint[])`,
        ),
    calls: () =>
      db
        .select({ id: keyedCalls.id })
        .from(keyedCalls)
        .where(and(eq(keyedCalls.instanceId, placeholder("id")), isNull(keyedCalls.outcome))),
    tasks: () =>
      db
        .select({ id: tasks.id })
        .from(tasks)
        .where(eq(tasks.instanceId, placeholder("id")))
        .limit(1),
    remove: () => db.delete(instances).where(byId),
    claim: () =>
      db
        .insert(leases)
        .select(
          sql`select ${placeholder("lease")}, id from instances where id = ${placeholder("id")}`,
        )
        .onConflictDoUpdate({
          target: leases.name,
          set: { instanceId: sql`excluded.instance_id` },
          setWhere: eq(leases.instanceId, placeholder("id")),
        }),
  });
}
