// The audit in SQLite.
import { desc, eq, lt, sql } from "drizzle-orm";
import type { AuditStore, NewAuditEntry } from "../../../auth/audit.ts";
import { ENTRIES_A_CHECK, KEEP_AUDIT_MS, MAX_ENTRIES, shortDetail } from "../../shared/audit.ts";
import { type Engine, withFirst } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { audit } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteAuditStore(engine: Engine): AuditStore {
  const { db, clock } = engine;
  const expired = lt(audit.at, placeholder("oldest"));
  const q = lazily({
    list: () =>
      db
        .select()
        .from(audit)
        .where(lt(audit.id, placeholder("before")))
        .orderBy(desc(audit.id))
        .limit(placeholder("limit"))
        .prepare(),
    last: () =>
      db
        .select()
        .from(audit)
        .where(eq(audit.action, placeholder("action")))
        .orderBy(desc(audit.id))
        .limit(1)
        .prepare(),
    insert: () =>
      db
        .insert(audit)
        .values({
          at: placeholder("now"),
          principal: placeholder("principal"),
          action: placeholder("action"),
          subject: placeholder("subject"),
          detail: placeholder("detail"),
        })
        .returning({ id: audit.id })
        .prepare(),
    bound: () =>
      db
        .delete(audit)
        .where(
          sql`${audit.id} in (select id from audit where principal = ${placeholder("principal")}
          and action = ${placeholder("action")} order by id desc limit -1 offset ${MAX_ENTRIES})`,
        )
        .prepare(),
  });
  const insert = (entry: NewAuditEntry): void => {
    const { principal, action } = entry;
    const { id } = q.insert.get({ ...entry, detail: shortDetail(entry), now: clock.now() });
    if (id % ENTRIES_A_CHECK === 0) q.bound.run({ principal, action });
  };

  return {
    // Also of what is deleted on a full disk.
    note: (entry) => engine.free(() => insert(entry)),
    noteWith: (entryOf, act) =>
      engine.accompany(
        withFirst((result) => {
          const entry = entryOf(result);
          if (entry !== undefined) insert(entry);
          return entry !== undefined;
        }),
        act,
      ),
    list: (limit, before = Number.MAX_SAFE_INTEGER) =>
      engine.readDurable(() => q.list.all({ limit, before })),
    last: (action) => engine.readDurable(() => q.last.get({ action })),
    ...sqliteExpiring(engine, audit, expired, () => ({ oldest: engine.time.ago(KEEP_AUDIT_MS) })),
  };
}
