// The audit in SQLite.
import { desc, lt, sql } from "drizzle-orm";
import type { AuditStore, NewAuditEntry } from "../../../auth/audit.ts";
import { type Engine, withFirst } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { audit } from "../schema/schema.ts";

const { placeholder } = sql;

const KEEP_MS = 365 * 24 * 3_600_000;
/**
 * Maximum number of entries of one principal and one action; the newest stay. A principal can neither fill the database
 * with entries, nor hide its other actions behind them.
 */
const MAX_ENTRIES = 10_000;
/** Number of new entries after which they are counted. */
const ENTRIES_A_CHECK = 100;
/** Maximum length of the detail, in characters. */
const MAX_DETAIL = 500;

export function sqliteAuditStore(engine: Engine): AuditStore {
  const { db, clock } = engine;
  const expired = lt(audit.at, placeholder("oldest"));
  const q = lazily({
    list: () =>
      db.select().from(audit).orderBy(desc(audit.id)).limit(placeholder("limit")).prepare(),
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
  const insert = ({ principal, action, subject, detail }: NewAuditEntry): void => {
    const cut = detail && detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail;
    const entry = { principal, action, subject, detail: cut, now: clock.now() };
    const { id } = q.insert.get(entry);
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
    list: (limit) => engine.readDurable(() => q.list.all({ limit })),
    ...sqliteExpiring(engine, audit, expired, () => ({ oldest: engine.time.ago(KEEP_MS) })),
  };
}
