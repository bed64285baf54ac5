// Rows of the messages table: the statements and rules that histories, chat turns and imports share.
import { and, asc, between, desc, eq, getTableColumns, lt, type SQL, sql } from "drizzle-orm";
import type { Message } from "../../../chat/message.ts";
import { titleOf } from "../../../chat/title.ts";
import { clearedSeqOf, FIRST_TURN, noRoom, uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { messages, sessions } from "../schema/schema.ts";
import { searchIndex } from "../search/search-index.ts";
import { postgresHistoryGaps } from "./history-gaps.ts";

const { placeholder } = sql;

const { id: _id, sessionId: _sessionId, ...messageColumns } = getTableColumns(messages);
export { messageColumns };

export type MessageRow = typeof messages.$inferSelect;

type NewRow = Pick<Message, "role" | "content" | "status"> & Partial<Message>;

const BLANK = {
  ...{ model: null, inputTokens: null, outputTokens: null },
  ...{ requestKey: null, author: null },
};

/** To be used inside a read, or inside a write that has locked the session. */
export type MessageStatements = ReturnType<typeof messageStatements>;

export function messageStatements(engine: Engine, maxMessages: number, usage: Usage) {
  const { clock } = engine;
  const gaps = postgresHistoryGaps(engine);
  const index = searchIndex(engine);
  const q = statementsOf(engine);

  /** @throws AppError `limit` for a message that would be one too many */
  const checkSeq = async (sessionId: string, seq: number): Promise<void> => {
    if (seq <= maxMessages) return;
    const { lastSeq, count } = await gaps.numbers(sessionId);
    if (seq - lastSeq + count > maxMessages) throw noRoom(maxMessages);
  };

  const addTitle = async (sessionId: string, { role, content }: NewRow): Promise<void> => {
    const title = role === "user" ? titleOf(content) : undefined;
    if (title !== undefined) await q.setTitle.run({ sessionId, title });
  };

  /** A cleared message's key may be used again. */
  const freeKeys = async (sessionId: string, keys: readonly string[]): Promise<void> =>
    void (await q.dropKeys.run({ sessionId, keys }));

  return Object.assign(q, {
    gaps,
    /**
     * Stores a message under the next number. With `entitles`, a session without name and title is called by it, if it is the
     * first question.
     */
    async add(sessionId: string, message: NewRow, { entitles = false } = {}): Promise<MessageRow> {
      const now = message.createdAt ?? clock.now();
      const { lastSeq, clearedSeq } = await gaps.last(sessionId);
      const seq = lastSeq + 1;
      const { requestKey } = message;
      if (clearedSeq > 0 && requestKey != null) await freeKeys(sessionId, [requestKey]);
      const [row] = await Promise.all([
        q.insert.get({ ...BLANK, ...message, seq, sessionId, now }),
        index.add(sessionId, [{ seq, content: message.content }]),
        usage.checkHistory(sessionId),
      ]);
      await checkSeq(sessionId, seq);
      if (entitles && seq - clearedSeq <= FIRST_TURN) await addTitle(sessionId, message);
      return row!;
    },
    /** Stores messages from elsewhere with their own numbers, which ascend, and their own times. */
    async addAll(sessionId: string, added: readonly Message[]): Promise<void> {
      if (added.length === 0) return;
      const list = <K extends keyof Message>(field: K): Message[K][] =>
        added.map((message) => message[field]);
      const keys = list("requestKey").filter((key) => key !== null);
      await Promise.all([
        keys.length > 0 && freeKeys(sessionId, keys),
        q.insertAll.run({
          ...{ sessionId, seqs: list("seq"), roles: list("role"), contents: list("content") },
          ...{ statuses: list("status"), models: list("model"), authors: list("author") },
          ...{ inputs: list("inputTokens"), outputs: list("outputTokens") },
          ...{ keys: list("requestKey"), times: list("createdAt") },
        }),
        index.add(sessionId, added),
        usage.checkHistory(sessionId),
      ]);
      await checkSeq(sessionId, added.at(-1)!.seq);
    },
    checkSeq,
    freeKeys,
  });
}

const array = (name: string, type: "text" | "bigint"): SQL =>
  sql`${placeholder(name)}::${sql.raw(type)}[]`;

function statementsOf({ db }: Engine) {
  const inSession = and(
    eq(messages.sessionId, placeholder("sessionId")),
    uncleared(placeholder("sessionId")),
  );
  return prepared({
    dropKeys: () =>
      db
        .update(messages)
        .set({ requestKey: null })
        .where(
          sql`${messages.sessionId} = ${placeholder("sessionId")} and ${messages.requestKey} = any(${array("keys", "text")})
            and ${messages.seq} <= ${clearedSeqOf(placeholder("sessionId"))}`,
        ),
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
        .returning(),
    insertAll: () =>
      db.insert(messages).select(
        sql`select nextval(pg_get_serial_sequence('messages', 'id')), ${placeholder("sessionId")}, *
          from unnest(${array("seqs", "bigint")}, ${array("roles", "text")}, ${array("contents", "text")},
            ${array("statuses", "text")}, ${array("models", "text")}, ${array("inputs", "bigint")},
            ${array("outputs", "bigint")}, ${array("keys", "text")}, ${array("times", "bigint")},
            ${array("authors", "text")})`,
      ),
    setTitle: () =>
      db
        .update(sessions)
        .set({ title: sql`${placeholder("title")}` })
        .where(
          sql`${sessions.id} = ${placeholder("sessionId")} and ${sessions.title} is null and ${sessions.name} is null`,
        ),
    byKey: () =>
      db
        .select()
        .from(messages)
        .where(
          and(
            inSession,
            eq(messages.requestKey, placeholder("requestKey")),
            eq(messages.role, placeholder("role")),
            // Other programs' files have no author: such a key is everybody's.
            sql`(${messages.author} is null or ${messages.author} is not distinct from ${placeholder("author")})`,
          ),
        ),
    last: () => db.select().from(messages).where(inSession).orderBy(desc(messages.seq)).limit(1),
    /** Messages and their sizes, the newest first. */
    sizes: () =>
      db
        .select({ seq: messages.seq, bytes: sql<number>`octet_length(${messages.content})` })
        .from(messages)
        .where(and(inSession, lt(messages.seq, placeholder("before"))))
        .orderBy(desc(messages.seq))
        .limit(placeholder("limit")),
    between: () =>
      db
        .select(messageColumns)
        .from(messages)
        .where(and(inSession, between(messages.seq, placeholder("first"), placeholder("last"))))
        .orderBy(asc(messages.seq)),
  });
}
