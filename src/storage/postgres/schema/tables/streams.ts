// Resumable streams, their events, and requests in flight.
import { sql } from "drizzle-orm";
import { index, pgTable, primaryKey, uniqueIndex } from "drizzle-orm/pg-core";
import type { Credentials } from "../../../../auth/principal.ts";
import { id, json, number, text } from "../columns.ts";
import { clients } from "./clients.ts";

/** One SSE response of a client, resumable by its events' ids. */
export const streams = pgTable(
  "streams",
  {
    id: id(),
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    /** The stream's id in event ids. A counted id would tell a client how many streams all others open, so it is random. */
    publicId: number("public_id").notNull().default(0),
    /** A stream for the requests of one POST, or a standalone stream (a GET). */
    kind: text().$type<"request" | "standalone">().notNull(),
    /** Number of the last event. Whoever adds one locks this row, so that the numbers have no holes. */
    lastSeq: number("last_seq").notNull().default(0),
    /** Number of the last pruned event. */
    prunedSeq: number("pruned_seq").notNull().default(0),
    createdAt: number("created_at").notNull(),
    /** Time of the last connection. The last event has the time of the last write. */
    touchedAt: number("touched_at").notNull(),
    finishedAt: number("finished_at"),
    /** A hash of the POST, until its answers were completely written to a connection. */
    undelivered: text(),
  },
  (t) => [
    uniqueIndex("streams_client_public_id").on(t.clientId, t.publicId),
    index("streams_touched").on(t.touchedAt),
    index("streams_undelivered")
      .on(t.clientId, t.undelivered)
      .where(sql`undelivered is not null`),
  ],
);

export const streamEvents = pgTable(
  "stream_events",
  {
    streamId: number("stream_id")
      .notNull()
      .references(() => streams.id, { onDelete: "cascade" }),
    seq: number().notNull(),
    /** The JSON-RPC message as text; empty if its session was deleted since. */
    data: text().notNull(),
    createdAt: number("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.streamId, t.seq] })],
);

/** The sessions whose content a stream may hold. Not a reference: some sessions are created later. */
export const streamSessions = pgTable(
  "stream_sessions",
  {
    streamId: number("stream_id")
      .notNull()
      .references(() => streams.id, { onDelete: "cascade" }),
    sessionId: text("session_id").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.streamId, t.sessionId] }),
    index("stream_sessions_session").on(t.sessionId),
  ],
);

/** Requests in flight. Another process ends those of a dead one. */
export const openRequests = pgTable(
  "open_requests",
  {
    clientId: text("client_id")
      .notNull()
      .references(() => clients.id, { onDelete: "cascade" }),
    /** JSON text, because `1` and `"1"` are two ids. */
    requestId: text("request_id").notNull(),
    streamId: number("stream_id")
      .notNull()
      .references(() => streams.id, { onDelete: "cascade" }),
    /** The whole request. */
    message: json<Record<string, unknown>>().notNull(),
    /** The session that the address named. */
    target: json<{ id: string } | { name: string } | null>(),
    /** The scope of the caller's credentials; null for an owner's rights. */
    scope: text().$type<"metrics" | "read" | "write" | "admin">(),
    /** The caller's credentials; null without authentication. */
    credentials: json<Credentials | null>(),
    instanceId: text("instance_id").notNull(),
    startedAt: number("started_at").notNull(),
  },
  (t) => [
    // Programs that share a client may use an id at the same time, each on a stream of its own.
    primaryKey({ columns: [t.streamId, t.requestId] }),
    index("open_requests_client").on(t.clientId),
    index("open_requests_instance").on(t.instanceId),
  ],
);
