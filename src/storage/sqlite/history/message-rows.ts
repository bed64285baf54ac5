// Rows of the messages table: the statements and rules that histories and chat turns share.
import { and, asc, between, desc, eq, getTableColumns, lt, sql } from "drizzle-orm";
import type { Message } from "../../../chat/message.ts";
import { titleOf } from "../../../chat/title.ts";
import { clearedSeqOf, FIRST_TURN, noRoom, uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { messages, sessions } from "../schema/schema.ts";
import { sqliteHistoryGaps } from "./history-gaps.ts";

const { placeholder } = sql;

const { id: _id, sessionId: _sessionId, ...messageColumns } = getTableColumns(messages);
export { messageColumns };

export type MessageRow = typeof messages.$inferSelect;

const NO_NUMBERS = { lastSeq: 0, clearedSeq: 0 };

type NewMessage = Pick<Message, "role" | "content" | "status"> & Partial<Message>;

/** Statements that histories and turns share; to be run inside a write. */
export type MessageStatements = ReturnType<typeof messageStatements>;

function statements({ db }: Engine) {
  const inSession = and(
    eq(messages.sessionId, placeholder("sessionId")),
    uncleared(placeholder("sessionId")),
  );
  return lazily({
    insert: () =>
      db
        .insert(messages)
        .values({
          sessionId: placeholder("sessionId"),
          seq: placeholder("seq"),
          role: placeholder("role"),
          content: placeholder("content"),
          status: placeholder("status"),
          model: placeholder("model"),
          inputTokens: placeholder("inputTokens"),
          outputTokens: placeholder("outputTokens"),
          requestKey: placeholder("requestKey"),
          createdAt: placeholder("now"),
          author: placeholder("author"),
        })
        .returning()
        .prepare(),
    setTitle: () =>
      db
        .update(sessions)
        .set({ title: sql`${placeholder("title")}` })
        .where(
          sql`${sessions.id} = ${placeholder("sessionId")} and ${sessions.title} is null and ${sessions.name} is null`,
        )
        .prepare(),
    byKey: () =>
      db
        .select()
        .from(messages)
        .where(
          and(
            inSession,
            eq(messages.requestKey, placeholder("requestKey")),
            eq(messages.role, placeholder("role")),
            // Earlier versions stored no author: such a key is everybody's.
            sql`(${messages.author} is null or ${messages.author} is ${placeholder("author")})`,
          ),
        )
        .prepare(),
    /** A cleared message's key may be used again. */
    freeKey: () =>
      db
        .update(messages)
        .set({ requestKey: null })
        .where(
          sql`${messages.sessionId} = ${placeholder("sessionId")} and ${messages.requestKey} = ${placeholder("requestKey")}
            and ${messages.seq} <= ${clearedSeqOf(placeholder("sessionId"))}`,
        )
        .prepare(),
    last: () =>
      db.select().from(messages).where(inSession).orderBy(desc(messages.seq)).limit(1).prepare(),
    /** Messages and their sizes, the newest first. SQLite knows the size of a text without reading it. */
    sizes: () =>
      db
        .select({ seq: messages.seq, bytes: sql<number>`octet_length(${messages.content})` })
        .from(messages)
        .where(and(inSession, lt(messages.seq, placeholder("before"))))
        .orderBy(desc(messages.seq))
        .limit(placeholder("limit"))
        .prepare(),
    between: () =>
      db
        .select(messageColumns)
        .from(messages)
        .where(and(inSession, between(messages.seq, placeholder("first"), placeholder("last"))))
        .orderBy(asc(messages.seq))
        .prepare(),
  });
}

export function messageStatements(engine: Engine, maxMessages: number, usage: Usage) {
  const { clock, cached } = engine;
  const gaps = sqliteHistoryGaps(engine);
  const q = statements(engine);
  /** @throws AppError `limit` for a message that would be one too many */
  const checkSeq = (sessionId: string, seq: number): void => {
    if (seq <= maxMessages) return;
    const { lastSeq, count } = gaps.numbers(sessionId);
    if (seq - lastSeq + count <= maxMessages) return;
    throw noRoom(maxMessages);
  };
  const addTitle = (sessionId: string, { role, content }: NewMessage): void => {
    const title = role === "user" ? titleOf(content) : undefined;
    if (title !== undefined && q.setTitle.run({ sessionId, title }).changes > 0)
      cached.sessions.delete(sessionId);
  };
  const blank = {
    ...{ model: null, inputTokens: null, outputTokens: null },
    ...{ requestKey: null, author: null },
  };
  return Object.assign(q, {
    gaps,
    /** The next message of the session: as it is written now, or with its own number and time when it comes from
     * elsewhere. With `entitles`, a session without name and title is called by it, if it is the first question. */
    add: (sessionId: string, message: NewMessage, { entitles = false } = {}): MessageRow => {
      const now = message.createdAt ?? clock.now();
      // Asked for within the insert, it would make SQLite keep a journal of each statement: that takes twice as long.
      const { requestKey } = message;
      const isImport = message.seq !== undefined && requestKey == null;
      const { lastSeq, clearedSeq } = isImport ? NO_NUMBERS : gaps.last(sessionId);
      const seq = message.seq ?? lastSeq + 1;
      if (clearedSeq > 0 && requestKey != null) q.freeKey.run({ sessionId, requestKey });
      const row = q.insert.get({ ...blank, ...message, seq, sessionId, now });
      usage.checkHistory(sessionId);
      checkSeq(sessionId, row.seq);
      if (entitles && seq - clearedSeq <= FIRST_TURN) addTitle(sessionId, message);
      return row;
    },
    checkSeq,
  });
}
