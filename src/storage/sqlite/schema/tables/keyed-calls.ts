// Calls with a request key.
import { sql } from "drizzle-orm";
import {
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

/** Calls with a request key. A repeated call gets the outcome of the first. */
export const keyedCalls = sqliteTable(
  "keyed_calls",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    owner: text().notNull(),
    /** The session that the call named; empty for none. */
    scope: text().notNull(),
    key: text().notNull(),
    /** A hash of the tool and its arguments. */
    request: text().notNull(),
    /** The id for a session that the call may have to open. */
    newSessionId: text("new_session_id").notNull(),
    instanceId: text("instance_id").notNull(),
    createdAt: integer("created_at").notNull(),
    /** JSON; null while the call runs. */
    outcome: text(),
  },
  (t) => [
    uniqueIndex("keyed_calls_key").on(t.owner, t.scope, t.key),
    index("keyed_calls_created").on(t.createdAt),
    index("keyed_calls_scope").on(t.scope),
    index("keyed_calls_running")
      .on(t.instanceId)
      .where(sql`outcome is null`),
    // And keyed_calls_session, by the session of the outcome: drizzle-kit cannot write it (migrations/0026_traces.sql).
  ],
);

/** Completed changes of a running call with a key: if the call runs again after a crash, it skips them. */
export const keyedCallChanges = sqliteTable(
  "keyed_call_changes",
  {
    callId: integer("call_id")
      .notNull()
      .references(() => keyedCalls.id, { onDelete: "cascade" }),
    /** The name of the change. */
    what: text().notNull(),
    /** Number of the write within the change: 0, 1, 2 … */
    n: integer().notNull(),
    /** JSON result of the write; null for none. */
    result: text(),
  },
  (t) => [primaryKey({ columns: [t.callId, t.what, t.n] })],
);
