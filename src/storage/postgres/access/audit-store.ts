// The audit in PostgreSQL.
import { desc, eq, lt, sql } from "drizzle-orm";
import type { AuditStore, NewAuditEntry } from "../../../auth/audit.ts";
import { ENTRIES_A_CHECK, KEEP_AUDIT_MS, MAX_ENTRIES, shortDetail } from "../../shared/audit.ts";
import { withFirst } from "../engine/companion.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { audit } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresAuditStore(engine: Engine): AuditStore {
  const { db, clock } = engine;
  const expired = lt(audit.at, placeholder("oldest"));
  const q = prepared({
    list: () =>
      db
        .select()
        .from(audit)
        .where(lt(audit.id, placeholder("before")))
        .orderBy(desc(audit.id))
        .limit(placeholder("limit")),
    last: () =>
      db
        .select()
        .from(audit)
        .where(eq(audit.action, placeholder("action")))
        .orderBy(desc(audit.id))
        .limit(1),
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
        .returning({ id: audit.id }),
    bound: () =>
      db.delete(audit).where(
        sql`${audit.id} = any(array(select id from audit where principal = ${placeholder("principal")}
          and action = ${placeholder("action")} order by id desc offset ${sql.raw(String(MAX_ENTRIES))}))`,
      ),
  });
  const insert = async (entry: NewAuditEntry): Promise<void> => {
    const { principal, action, subject } = entry;
    const row = { principal, action, subject, detail: shortDetail(entry), now: clock.now() };
    const { id } = (await q.insert.get(row))!;
    if (id % ENTRIES_A_CHECK === 0) await q.bound.run({ principal, action });
  };

  return {
    note: (entry) => engine.inOrder("audit", () => engine.write(() => insert(entry))),
    noteWith: (entryOf, act) =>
      engine.accompany(
        withFirst((result) => {
          const entry = entryOf(result);
          return entry && insert(entry);
        }),
        act,
      ),
    list: (limit, before = Number.MAX_SAFE_INTEGER) =>
      engine.read(() => q.list.all({ limit, before })),
    last: (action) => engine.read(() => q.last.get({ action })),
    ...postgresExpiring(engine, audit, expired, () => ({ oldest: engine.ago(KEEP_AUDIT_MS) })),
  };
}
