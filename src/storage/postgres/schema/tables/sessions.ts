// Sessions, their state and their shares.
import { sql } from "drizzle-orm";
import { boolean, index, pgTable, primaryKey, uniqueIndex } from "drizzle-orm/pg-core";
import { number, text } from "../columns.ts";
import { instances } from "./instances.ts";

export const sessions = pgTable(
  "sessions",
  {
    id: text().primaryKey(),
    owner: text().notNull(),
    name: text(),
    title: text(),
    system: text(),
    pinned: boolean().notNull().default(false),
    createdAt: number("created_at").notNull(),
    lastActiveAt: number("last_active_at").notNull(),
    /** Lifetime of a temporary session after its last activity. */
    keepMs: number("keep_ms"),
    /** The client that a temporary session ends with. */
    openedBy: text("opened_by"),
  },
  (t) => [
    uniqueIndex("sessions_owner_name").on(t.owner, t.name),
    index("sessions_owner_activity").on(t.owner, t.lastActiveAt, t.id),
    index("sessions_pinned")
      .on(t.owner, t.lastActiveAt, t.id)
      .where(sql`pinned`),
    index("sessions_activity").on(t.lastActiveAt),
    index("sessions_temporary")
      .on(sql`(last_active_at + keep_ms)`)
      .where(sql`keep_ms is not null`),
    index("sessions_opened_by")
      .on(t.openedBy)
      .where(sql`opened_by is not null`),
  ],
);

export const sessionState = pgTable(
  "session_state",
  {
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    key: text().notNull(),
    /** JSON text. */
    value: text().notNull(),
    version: number().notNull(),
    updatedAt: number("updated_at").notNull(),
    expiresAt: number("expires_at"),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.key] }),
    index("session_state_expiry")
      .on(t.expiresAt)
      .where(sql`expires_at is not null`),
  ],
);

/** The principals that a session is shared with. */
export const grants = pgTable(
  "grants",
  {
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    principal: text().notNull(),
    access: text().$type<"read" | "write">().notNull(),
    createdAt: number("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.principal] }),
    index("grants_principal").on(t.principal),
  ],
);

/** Pending offers of shares: they give no access and are in no list. */
export const shareOffers = pgTable(
  "share_offers",
  {
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    principal: text().notNull(),
    access: text().$type<"read" | "write">().notNull(),
    createdAt: number("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.principal] }),
    index("share_offers_principal").on(t.principal, t.createdAt),
  ],
);

/** Sessions in which calls have been running for a while, and in which process: see src/sessions/running-calls.ts. */
export const runningSessions = pgTable(
  "running_sessions",
  {
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    instanceId: text("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.instanceId] }),
    index("running_sessions_instance").on(t.instanceId),
  ],
);
