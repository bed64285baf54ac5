// The processes that use the file, in SQLite.
import { eq, sql } from "drizzle-orm";
import type { InstanceStore } from "../../../instances/store.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { instances, leases, messages, turns } from "../schema/schema.ts";
import { instanceWork } from "./instance-work.ts";

const { placeholder } = sql;

export function sqliteInstanceStore(engine: Engine, file: string | undefined): InstanceStore {
  const { db } = engine;
  const byId = eq(instances.id, placeholder("id"));
  const q = lazily({
    list: () => db.select().from(instances).prepare(),
    find: () => db.select().from(instances).where(byId).prepare(),
    remove: () => db.delete(instances).where(byId).prepare(),
    interrupt: () =>
      db
        .update(messages)
        .set({ status: "interrupted" })
        .where(
          sql`${messages.status} = 'pending' and ${messages.id} in
          (select ${turns.messageId} from ${turns} where ${turns.instanceId} = ${placeholder("id")})`,
        )
        .prepare(),
    endTurns: () =>
      db
        .delete(turns)
        .where(eq(turns.instanceId, placeholder("id")))
        .prepare(),
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
        })
        .prepare(),
    confirm: () =>
      db
        .update(instances)
        .set({
          heartbeatAt: sql`${placeholder("heartbeatAt")}`,
          serves: sql`${placeholder("serves")}`,
        })
        .where(byId)
        .prepare(),
  });
  return {
    file,
    heartbeat: (instance) =>
      engine.write(() => {
        engine.time.read(); // what the clock does is noticed within a heartbeat
        const { id, heartbeatAt, serves } = instance;
        if (q.confirm.run({ id, heartbeatAt, serves: Number(serves) }).changes > 0) return false;
        db.insert(instances).values(instance).run();
        return true;
      }),
    list: () => engine.readNow(() => q.list.all()),
    ...instanceWork(engine),
    claim: (lease, id) => engine.write(() => q.claim.run({ lease, id }).changes > 0),
    async remove(id, heartbeatAt) {
      const interrupted = await engine.write(() => {
        if (heartbeatAt !== undefined && (q.find.get({ id })?.heartbeatAt ?? 0) > heartbeatAt)
          return 0;
        q.interrupt.run({ id });
        const { changes: turns } = q.endTurns.run({ id });
        q.remove.run({ id });
        return turns;
      });
      engine.otherProcesses.report();
      return interrupted;
    },
  };
}
