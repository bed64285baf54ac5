// The audit in SQLite.
import { desc, lt, sql } from "drizzle-orm";
import type { AuditStore, NewAuditEntry } from "../../../auth/audit.ts";
import type { Companion, Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { audit } from "../schema/schema.ts";

const { placeholder } = sql;

const KEEP_MS = 365 * 24 * 3_600_000;

export function sqliteAuditStore(engine: Engine): AuditStore {
  const { db, clock } = engine;
  const expired = lt(audit.at, placeholder("oldest"));
  const q = {
    list: db.select().from(audit).orderBy(desc(audit.id)).limit(placeholder("limit")).prepare(),
  };
  const insert = (entry: NewAuditEntry): void =>
    void db
      .insert(audit)
      .values({ ...entry, at: clock.now() })
      .run();

  return {
    // Also of what is deleted on a full disk.
    note: (entry) => engine.free(() => insert(entry)),
    noteWith(entryOf, act) {
      /** The write that the entry is stored with; it may run a second time, when its commit had to wait. */
      let noted: unknown;
      const companion: Companion = (operation) => () => {
        const result = operation();
        if (noted !== undefined && noted !== operation) return result;
        const entry = entryOf(result);
        if (entry === undefined) return result;
        noted = operation;
        insert(entry);
        return result;
      };
      return engine.accompany(companion, act);
    },
    list: (limit) => engine.readDurable(() => q.list.all({ limit })),
    ...sqliteExpiring(engine, audit, expired, () => ({ oldest: engine.time.ago(KEEP_MS) })),
  };
}
