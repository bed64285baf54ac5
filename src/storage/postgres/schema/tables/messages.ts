// Histories: messages with their words, open chat turns and summaries.
import { sql } from "drizzle-orm";
import { index, pgTable, uniqueIndex } from "drizzle-orm/pg-core";
import { binary, id, number, text, wordVector } from "../columns.ts";
import { instances } from "./instances.ts";
import { sessions } from "./sessions.ts";

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

/** The second index: what is found inside of words and beside them, as src/search/parts.ts says. Filled behind the messages. */
export const messageParts = pgTable(
  "message_parts",
  {
    messageId: number("message_id")
      .primaryKey()
      .references(() => messages.id, { onDelete: "cascade" }),
    parts: wordVector().notNull(),
  },
  (t) => [index("message_parts_parts").using("gin", t.parts)],
);

/** Vectors of messages for search by meaning, one for each embedding model; empty for a text that the model refuses. */
export const messageVectors = pgTable(
  "message_vectors",
  {
    id: id(),
    messageId: number("message_id")
      .notNull()
      .references(() => messages.id, { onDelete: "cascade" }),
    model: text().notNull(),
    /** Packed 32-bit floats, little-endian, of length 1. */
    vector: binary().notNull(),
  },
  (t) => [
    uniqueIndex("message_vectors_model").on(t.model, t.messageId),
    index("message_vectors_message").on(t.messageId),
  ],
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
