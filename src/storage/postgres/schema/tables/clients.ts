// Clients of the 2025 revisions, with their connections, subscriptions and waiting notifications.
import { sql } from "drizzle-orm";
import { index, pgTable, primaryKey } from "drizzle-orm/pg-core";
import { id, json, number, text } from "../columns.ts";
import { instances } from "./instances.ts";
import { sessions } from "./sessions.ts";

export const clients = pgTable(
  "clients",
  {
    /** The `Mcp-Session-Id`. */
    id: text().primaryKey(),
    owner: text().notNull(),
    /** The credentials that initialized the client, which alone may reach it; null in rows of earlier versions. */
    credentials: text(),
    /** The scope of these credentials; null for an owner's rights. */
    scope: text().$type<"metrics" | "read" | "write" | "admin">(),
    /** Id of the client's own session. Not a reference: the first write creates the session. */
    ownSessionId: text("own_session_id").notNull().default(""),
    // A deleted conversation must not disconnect the programs that worked in it.
    sessionId: text("session_id").references(() => sessions.id, { onDelete: "set null" }),
    name: text().notNull(),
    version: text().notNull(),
    protocolVersion: text("protocol_version").notNull(),
    capabilities: json<Record<string, unknown>>().notNull(),
    initialize: json<Record<string, unknown>>().notNull(),
    logLevel: text("log_level"),
    /** Number of the last rehydration. Answers to questions of an earlier epoch are dropped. */
    epoch: number().notNull().default(0),
    createdAt: number("created_at").notNull(),
    lastSeenAt: number("last_seen_at").notNull(),
    /** End of the presence that a process has promised. */
    presentUntil: number("present_until").notNull().default(0),
    endedAt: number("ended_at"),
  },
  (t) => [
    index("clients_session").on(t.sessionId, t.presentUntil),
    index("clients_seen").on(t.lastSeenAt),
    index("clients_owner")
      .on(t.owner, t.credentials, t.lastSeenAt)
      .where(sql`ended_at is null`),
    index("clients_own_session").on(t.ownSessionId),
    index("clients_ended")
      .on(t.endedAt)
      .where(sql`ended_at is not null`),
  ],
);

/** Clients that are connected now, and to which process: see src/clients/connected-clients.ts. */
export const connections = pgTable(
  "connections",
  {
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    instanceId: text("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
  },
  (t) => [
    primaryKey({ columns: [t.clientId, t.instanceId] }),
    index("connections_instance").on(t.instanceId),
  ],
);

/** Subscriptions by `resources/subscribe`, which last as long as their client. */
export const subscriptions = pgTable(
  "subscriptions",
  {
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    /** The canonical spelling. */
    uri: text().notNull(),
    /** The client's spelling; null in rows of earlier versions. */
    asked: text(),
  },
  (t) => [primaryKey({ columns: [t.clientId, t.uri] }), index("subscriptions_uri").on(t.uri)],
);

/** Messages for clients without a connected stream. */
export const outbox = pgTable(
  "outbox",
  {
    id: id(),
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    data: text().notNull(),
    createdAt: number("created_at").notNull(),
    /** The session of a notification. */
    sessionId: text("session_id"),
  },
  (t) => [
    index("outbox_client").on(t.clientId, t.id),
    index("outbox_session")
      .on(t.sessionId)
      .where(sql`session_id is not null`),
  ],
);

/** Messages of a client that another process may wait for: see src/clients/relay.ts. */
export const relayed = pgTable(
  "relayed",
  {
    id: id(),
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    data: text().notNull(),
    createdAt: number("created_at").notNull(),
  },
  (t) => [index("relayed_client").on(t.clientId, t.id)],
);
