// Histories: messages, open chat turns and summaries.
import { sql } from "drizzle-orm";
import { blob, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instances } from "./instances.ts";
import { sessions } from "./sessions.ts";

export const messages = sqliteTable(
  "messages",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    sessionId: text("session_id")
      .notNull()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** 1, 2, 3 … within the session; deleted ones leave gaps (`history_gaps`). */
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

/** Vectors of messages for search by meaning, one for each embedding model; empty for a text that the model refuses. */
export const messageVectors = sqliteTable(
  "message_vectors",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    messageId: integer("message_id")
      .notNull()
      .references(() => messages.id, { onDelete: "cascade" }),
    model: text().notNull(),
    /** Packed 32-bit floats, little-endian, of length 1. */
    vector: blob({ mode: "buffer" }).notNull(),
  },
  (t) => [
    uniqueIndex("message_vectors_model").on(t.model, t.messageId),
    index("message_vectors_message").on(t.messageId),
  ],
);

/** Gaps in the numbers of a session's messages: no number is reused, and a count takes one look. */
export const historyGaps = sqliteTable(
  "history_gaps",
  {
    sessionId: text("session_id")
      .primaryKey()
      .references(() => sessions.id, { onDelete: "cascade" }),
    /** Number of missing messages from 1 to the last number. */
    missing: integer().notNull(),
    /** The highest number that a message ever had, if its message was deleted. */
    lastSeq: integer("last_seq").notNull(),
    /** Messages up to this number are cleared: nobody sees them, and their rows go in batches. 0 for none. */
    clearedSeq: integer("cleared_seq").notNull().default(0),
  },
  (t) => [
    index("history_gaps_cleared")
      .on(t.sessionId)
      .where(sql`cleared_seq > 0`),
  ],
);

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

/** The text that stands for the messages that no longer fit into a model's window. */
export const summaries = sqliteTable("summaries", {
  sessionId: text("session_id")
    .primaryKey()
    .references(() => sessions.id, { onDelete: "cascade" }),
  /** Number of the last message that the summary covers. */
  uptoSeq: integer("upto_seq").notNull(),
  /** Number of these messages that were never summarized, because they were too many at once. */
  leftOut: integer("left_out").notNull().default(0),
  content: text().notNull(),
  model: text().notNull(),
  createdAt: integer("created_at").notNull(),
});
