// Calls with a request key.
import { sql } from "drizzle-orm";
import { index, pgTable, primaryKey, uniqueIndex } from "drizzle-orm/pg-core";
import { id, number, text } from "../columns.ts";

/** Calls with a request key. A repeated call gets the outcome of the first. */
export const keyedCalls = pgTable(
  "keyed_calls",
  {
    id: id(),
    owner: text().notNull(),
    /** The session that the call named; empty for none. */
    scope: text().notNull(),
    key: text().notNull(),
    /** A hash of the tool and its arguments. */
    request: text().notNull(),
    /** The id for a session that the call may have to open. */
    newSessionId: text("new_session_id").notNull(),
    instanceId: text("instance_id").notNull(),
    createdAt: number("created_at").notNull(),
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
    // And keyed_calls_session, by the session of the outcome: see the migration of the triggers.
  ],
);

/** Completed changes of a running call with a key: if the call runs again after a crash, it skips them. */
export const keyedCallChanges = pgTable(
  "keyed_call_changes",
  {
    callId: number("call_id")
      .notNull()
      .references(() => keyedCalls.id, { onDelete: "cascade" }),
    /** The name of the change. */
    what: text().notNull(),
    /** Number of the write within the change: 0, 1, 2 … */
    n: number().notNull(),
    /** JSON result of the write; null for none. */
    result: text(),
  },
  (t) => [primaryKey({ columns: [t.callId, t.what, t.n] })],
);
