// The audit in SQLite.
import { desc, lt, sql } from "drizzle-orm";
import type { AuditStore } from "../../../auth/audit.ts";
import type { Engine } from "../engine/engine.ts";
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
  return {
    // Also of what is deleted on a full disk.
    note: (entry) =>
      engine.free(
        () =>
          void db
            .insert(audit)
            .values({ ...entry, at: clock.now() })
            .run(),
      ),
    list: (limit) => engine.readDurable(() => q.list.all({ limit })),
    ...sqliteExpiring(engine, audit, expired, () => ({ oldest: engine.time.ago(KEEP_MS) })),
  };
}
