// Accounts of stored bytes, and the bounds of expiry.
import { boolean, integer, pgTable, primaryKey } from "drizzle-orm/pg-core";
import { number, text } from "../columns.ts";

/**
 * Each principal's account of stored bytes, which triggers keep; the view `usage_measured` measures the same. An account is
 * the sum of its shards: connections write to different ones, so that they do not wait for each other.
 */
export const usage = pgTable(
  "usage",
  {
    owner: text().notNull(),
    shard: integer().notNull(),
    /** Bytes of the messages' text alone. */
    historyBytes: number("history_bytes").notNull().default(0),
    /** Bytes of the state's values alone. */
    stateBytes: number("state_bytes").notNull().default(0),
    /** Approximate bytes, with keys, indexes and rows. */
    storedBytes: number("stored_bytes").notNull().default(0),
    /** The part of connected programs: clients, subscriptions, streams, outboxes. */
    programBytes: number("program_bytes").notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.owner, t.shard] })],
);

/** The cutoffs of expiry, and the announced step of each: see src/jobs/cutoff.ts. */
export const cutoffs = pgTable("cutoffs", {
  kind: text().$type<"session" | "client" | "empty">().primaryKey(),
  /** The age that was last in force; null for never. */
  maxAgeMs: number("max_age_ms"),
  /** The last time with this age in force. */
  seenAt: number("seen_at").notNull(),
  announcedCutoff: number("announced_cutoff"),
  announcedAt: number("announced_at"),
  dueAt: number("due_at"),
});

/** Jumps of the clock for which nobody saw time pass, all of a kind as one: see src/jobs/trusted-time.ts. */
export const clockJumps = pgTable("clock_jumps", {
  /** True for time that has passed unseen, false for a clock that was set. */
  asleep: boolean().primaryKey(),
  ms: number().notNull(),
  /** When the last of them was noticed. */
  at: number().notNull(),
});

/** The maximum age that the database was last served with, for programs without a setting; at most one row. */
export const retention = pgTable("retention", {
  id: number().primaryKey(),
  /** Null for never. */
  maxAgeMs: number("max_age_ms"),
});
