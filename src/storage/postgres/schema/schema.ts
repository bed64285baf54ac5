// The tables in PostgreSQL, from which drizzle-kit writes migrations/postgres/. Times are milliseconds; every foreign key
// cascades. Views, triggers and functions are in migrations/postgres/0001_views_and_triggers.sql.
import { sql } from "drizzle-orm";
import { boolean, index, integer, pgTable, primaryKey, uniqueIndex } from "drizzle-orm/pg-core";
import type { Credentials } from "../../../auth/principal.ts";
import { binary, id, json, number, text, wordVector } from "./columns.ts";

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
    index("sessions_activity").on(t.lastActiveAt),
    index("sessions_temporary")
      .on(sql`(last_active_at + keep_ms)`)
      .where(sql`keep_ms is not null`),
    index("sessions_opened_by")
      .on(t.openedBy)
      .where(sql`opened_by is not null`),
  ],
);

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

export const messages = pgTable(
  "messages",
  {
    id: id(),
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** 1, 2, 3 … within the session; deleted ones leave gaps (`history_gaps`). */
    seq: number().notNull(),
    role: text().$type<"user" | "assistant" | "system" | "tool">().notNull(),
    content: text().notNull(),
    /** A question is pending until it is answered; failed and interrupted ones can be asked again. */
    status: text().$type<"complete" | "pending" | "failed" | "interrupted">().notNull(),
    model: text(),
    inputTokens: number("input_tokens"),
    outputTokens: number("output_tokens"),
    requestKey: text("request_key"),
    createdAt: number("created_at").notNull(),
    /** The principal whose call stored the message, also for a model's answer; null in rows of earlier versions. */
    author: text(),
  },
  (t) => [
    uniqueIndex("messages_session_seq").on(t.sessionId, t.seq),
    // A question and its answer share their key, which is their author's: another's same key is another one.
    uniqueIndex("messages_author_request_key")
      .on(t.sessionId, t.requestKey, t.role, t.author)
      .where(sql`request_key is not null`),
  ],
);

/** The full-text index: words as src/search/words.ts cuts them, and tokens of the session and its owner. */
export const messageWords = pgTable(
  "message_words",
  {
    messageId: number("message_id")
      .primaryKey()
      .references(() => messages.id, { onDelete: "cascade" }),
    words: wordVector().notNull(),
  },
  (t) => [index("message_words_words").using("gin", t.words)],
);

/** Gaps in the numbers of a session's messages: no number is reused, and a count takes one look. */
export const historyGaps = pgTable(
  "history_gaps",
  {
    sessionId: text("session_id")
      .primaryKey()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** Number of missing messages from 1 to the last number. */
    missing: number().notNull(),
    /** The highest number that a message ever had, if its message was deleted. */
    lastSeq: number("last_seq").notNull(),
    /** Messages up to this number are cleared: nobody sees them, and their rows go in batches. 0 for none. */
    clearedSeq: number("cleared_seq").notNull().default(0),
  },
  (t) => [
    index("history_gaps_cleared")
      .on(t.sessionId)
      .where(sql`cleared_seq > 0`),
  ],
);

/** The processes that use this database. */
export const instances = pgTable("instances", {
  id: text().primaryKey(),
  host: text().notNull(),
  pid: number().notNull(),
  startedAt: number("started_at").notNull(),
  heartbeatAt: number("heartbeat_at").notNull(),
  /** True for a process that serves HTTP: limits on calls are shared among these. */
  serves: boolean().notNull().default(false),
});

/** Work that one process does for all, as long as it lives: `cleanup`. */
export const leases = pgTable("leases", {
  name: text().primaryKey(),
  instanceId: text("instance_id")
    .notNull()
    .references(() => instances.id, { onDelete: "cascade" }),
});

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

/** At most one open chat turn a session: the claim that keeps turns from interleaving. */
export const turns = pgTable(
  "turns",
  {
    sessionId: text("session_id")
      .primaryKey()
      .references(() => sessions.id, { onDelete: "cascade" }),
    messageId: number("message_id")
      .notNull()
      .references(() => messages.id, { onDelete: "cascade" }),
    instanceId: text("instance_id")
      .notNull()
      .references(() => instances.id, { onDelete: "cascade" }),
    startedAt: number("started_at").notNull(),
  },
  (t) => [index("turns_message").on(t.messageId), index("turns_instance").on(t.instanceId)],
);

/** The text that stands for the messages that no longer fit into a model's window. */
export const summaries = pgTable("summaries", {
  sessionId: text("session_id")
    .primaryKey()
    .references(() => sessions.id, { onDelete: "cascade" }),
  /** Number of the last message that the summary covers. */
  uptoSeq: number("upto_seq").notNull(),
  /** Number of these messages that were never summarized, because they were too many at once. */
  leftOut: number("left_out").notNull().default(0),
  content: text().notNull(),
  model: text().notNull(),
  createdAt: number("created_at").notNull(),
});

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

/** Keys that sign request states. The newest signs; older ones only verify. */
export const signingKeys = pgTable("signing_keys", {
  id: id(),
  secret: binary().notNull(),
  createdAt: number("created_at").notNull(),
});

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

/** API keys. The first key turns authentication on for all callers. */
export const apiKeys = pgTable("api_keys", {
  id: text().primaryKey(),
  /** SHA-256 of the secret part. */
  hash: binary().notNull(),
  principal: text().notNull(),
  scope: text().$type<"metrics" | "read" | "write" | "admin">().notNull(),
  createdAt: number("created_at").notNull(),
  lastUsedAt: number("last_used_at"),
  expiresAt: number("expires_at"),
  revokedAt: number("revoked_at"),
});

/** Sessions of browsers in the console, and one-time links: see src/auth/browser-sessions.ts. */
export const browserSessions = pgTable(
  "browser_sessions",
  {
    /** SHA-256 of the secret. */
    hash: binary().primaryKey(),
    kind: text().$type<"session" | "link">().notNull(),
    principal: text().notNull(),
    scope: text().$type<"metrics" | "read" | "write" | "admin">().notNull(),
    /** The API key that signed in; null for a link. */
    keyId: text("key_id"),
    createdAt: number("created_at").notNull(),
    expiresAt: number("expires_at").notNull(),
  },
  (t) => [
    index("browser_sessions_principal").on(t.principal, t.createdAt),
    index("browser_sessions_expiry").on(t.expiresAt),
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

/** Audit entries for people: actor, action and subject. They outlive their subjects. */
export const audit = pgTable(
  "audit",
  {
    id: id(),
    at: number().notNull(),
    principal: text().notNull(),
    action: text().notNull(),
    /** The id of the session or key. */
    subject: text().notNull(),
    detail: text(),
  },
  (t) => [index("audit_at").on(t.at), index("audit_principal").on(t.principal, t.action)],
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
