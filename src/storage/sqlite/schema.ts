// The tables, from which drizzle-kit writes migrations/. Times are integer milliseconds; every foreign key cascades.
// Views for people and the full-text index are in migrations/0001_views_and_search.sql.
import { sql } from "drizzle-orm";
import {
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

export const sessions = sqliteTable(
  "sessions",
  {
    id: text().primaryKey(),
    owner: text().notNull(),
    name: text(),
    title: text(),
    system: text(),
    pinned: integer({ mode: "boolean" }).notNull().default(false),
    createdAt: integer("created_at").notNull(),
    lastActiveAt: integer("last_active_at").notNull(),
  },
  (t) => [
    uniqueIndex("sessions_owner_name").on(t.owner, t.name),
    index("sessions_owner_activity").on(t.owner, t.lastActiveAt, t.id),
    index("sessions_activity").on(t.lastActiveAt),
  ],
);

export const clients = sqliteTable(
  "clients",
  {
    /** The `Mcp-Session-Id`. */
    id: text().primaryKey(),
    owner: text().notNull(),
    // A deleted conversation must not disconnect the programs that worked in it.
    sessionId: text("session_id").references(() => sessions.id, { onDelete: "set null" }),
    name: text().notNull(),
    version: text().notNull(),
    protocolVersion: text("protocol_version").notNull(),
    capabilities: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    initialize: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    logLevel: text("log_level"),
    createdAt: integer("created_at").notNull(),
    lastSeenAt: integer("last_seen_at").notNull(),
    endedAt: integer("ended_at"),
  },
  (t) => [
    index("clients_session").on(t.sessionId, t.lastSeenAt),
    index("clients_seen").on(t.lastSeenAt),
    index("clients_ended")
      .on(t.endedAt)
      .where(sql`ended_at is not null`),
  ],
);

export const sessionState = sqliteTable(
  "session_state",
  {
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    key: text().notNull(),
    /** JSON text. */
    value: text().notNull(),
    version: integer().notNull(),
    updatedAt: integer("updated_at").notNull(),
    expiresAt: integer("expires_at"),
  },
  (t) => [
    primaryKey({ columns: [t.sessionId, t.key] }),
    index("session_state_expiry")
      .on(t.expiresAt)
      .where(sql`expires_at is not null`),
  ],
);

export const messages = sqliteTable(
  "messages",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** 1, 2, 3 … within the session. */
    seq: integer().notNull(),
    role: text({ enum: ["user", "assistant", "system", "tool"] }).notNull(),
    content: text().notNull(),
    /** A question is pending until it is answered; failed and interrupted ones can be asked again. */
    status: text({ enum: ["complete", "pending", "failed", "interrupted"] }).notNull(),
    model: text(),
    inputTokens: integer("input_tokens"),
    outputTokens: integer("output_tokens"),
    requestKey: text("request_key"),
    createdAt: integer("created_at").notNull(),
  },
  (t) => [
    uniqueIndex("messages_session_seq").on(t.sessionId, t.seq),
    // A question and its answer share their key.
    uniqueIndex("messages_request_key")
      .on(t.sessionId, t.requestKey, t.role)
      .where(sql`request_key is not null`),
  ],
);

/** The processes that use this file. */
export const instances = sqliteTable("instances", {
  id: text().primaryKey(),
  host: text().notNull(),
  pid: integer().notNull(),
  startedAt: integer("started_at").notNull(),
  heartbeatAt: integer("heartbeat_at").notNull(),
});

/** At most one open chat turn a session: the claim that keeps turns from interleaving. */
export const turns = sqliteTable(
  "turns",
  {
    sessionId: text("session_id")
      .primaryKey()
      .references(() => sessions.id, { onDelete: "cascade" }),
    messageId: integer("message_id")
      .notNull()
      .references(() => messages.id, { onDelete: "cascade" }),
    instanceId: text("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    startedAt: integer("started_at").notNull(),
  },
  (t) => [index("turns_message").on(t.messageId), index("turns_instance").on(t.instanceId)],
);
