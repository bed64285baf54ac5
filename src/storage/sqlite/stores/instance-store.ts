// The processes that use the file, in SQLite.
import { eq, sql } from "drizzle-orm";
import type { InstanceStore } from "../../../instances/store.ts";
import type { Engine } from "../engine/engine.ts";
import { instances } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteInstanceStore(engine: Engine): InstanceStore {
  const { db } = engine;
  const byId = eq(instances.id, placeholder("id"));
  const q = {
    list: db.select().from(instances).prepare(),
    remove: db.delete(instances).where(byId).prepare(),
  };
  return {
    heartbeat: (instance) =>
      engine.write(() => {
        const { heartbeatAt } = instance;
        db.insert(instances)
          .values(instance)
          .onConflictDoUpdate({ target: instances.id, set: { heartbeatAt } })
          .run();
      }),
    list: () => engine.readNow(() => q.list.all()),
    remove: (id) => engine.write(() => void q.remove.run({ id })),
  };
}
