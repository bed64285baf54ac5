// Accounts of stored bytes, and the bounds of expiry.
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/**
 * Each principal's account of stored bytes. Triggers keep the account, and the view `usage_measured` measures the same:
 * see migrations/0024_accounts.sql.
 */
export const usage = sqliteTable("usage", {
  owner: text().primaryKey(),
  /** Bytes of the messages' text alone. */
  historyBytes: integer("history_bytes").notNull().default(0),
  /** Bytes of the state's values alone. */
  stateBytes: integer("state_bytes").notNull().default(0),
  /** Approximate bytes in the file, with keys, indexes and rows. */
  storedBytes: integer("stored_bytes").notNull().default(0),
  /** The part of connected programs: clients, subscriptions, streams, outboxes. */
  programBytes: integer("program_bytes").notNull().default(0),
});

/** The cutoffs of expiry, and the announced step of each: see src/jobs/cutoff.ts. */
export const cutoffs = sqliteTable("cutoffs", {
  kind: text({ enum: ["session", "client", "empty"] }).primaryKey(),
  /** The age that was last in force; null for never. */
  maxAgeMs: integer("max_age_ms"),
  /** The last time with this age in force. */
  seenAt: integer("seen_at").notNull(),
  announcedCutoff: integer("announced_cutoff"),
  announcedAt: integer("announced_at"),
  dueAt: integer("due_at"),
});

/** Jumps of the clock without time that a process saw pass, all of a kind as one: see src/jobs/trusted-time.ts. */
export const clockJumps = sqliteTable("clock_jumps", {
  /** True for time that has passed unseen, false for a clock that was set. */
  asleep: integer({ mode: "boolean" }).primaryKey(),
  ms: integer().notNull(),
  /** When the last of them was noticed. */
  at: integer().notNull(),
});

/** The maximum age that the folder was last served with, for programs without a setting; at most one row. */
export const retention = sqliteTable("retention", {
  id: integer().primaryKey(),
  /** Null for never. */
  maxAgeMs: integer("max_age_ms"),
});
