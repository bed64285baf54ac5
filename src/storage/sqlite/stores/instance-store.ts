// The processes that use the file, in SQLite.
import { eq, sql } from "drizzle-orm";
import type { InstanceStore } from "../../../instances/store.ts";
import type { Engine } from "../engine/engine.ts";
import { instances } from "../schema/schema.ts";
import { lazily } from "../engine/statements.ts";

const { placeholder } = sql;

export function sqliteInstanceStore(engine: Engine, file: string | undefined): InstanceStore {
  const { db } = engine;
  const byId = eq(instances.id, placeholder("id"));
  const q = lazily({
    list: () => db.select().from(instances).prepare(),
    remove: () => db.delete(instances).where(byId).prepare(),
    confirm: () =>
      db
        .update(instances)
        .set({ heartbeatAt: sql`${placeholder("heartbeatAt")}` })
        .where(byId)
        .prepare(),
  });
  return {
    file,
    heartbeat: (instance) =>
      engine.write(() => {
        engine.time.read(); // what the clock does is noticed within a heartbeat
        const { id, heartbeatAt } = instance;
        if (q.confirm.run({ id, heartbeatAt }).changes > 0) return false;
        db.insert(instances).values(instance).run();
        return true;
      }),
    list: () => engine.readNow(() => q.list.all()),
    async remove(id) {
      await engine.write(() => void q.remove.run({ id }));
      engine.otherProcesses.report();
    },
  };
}
