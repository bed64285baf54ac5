// Histories in SQLite: one row a message. Not here: chat turns (turn-store.ts).
import { and, eq, lt, sql } from "drizzle-orm";
import type { HistoryStore } from "../../chat/store.ts";
import type { Engine } from "./engine.ts";
import { messageColumns, messageStatements, publicPart, sameRequest } from "./message-rows.ts";
import { messages } from "./schema.ts";
import { sqliteTurns } from "./turn-store.ts";
import type { Usage } from "./usage.ts";

const { placeholder } = sql;

export function sqliteHistoryStore(
  engine: Engine,
  maxMessages: number,
  usage: Usage,
): HistoryStore {
  const statements = messageStatements(engine, maxMessages, usage);
  const search = engine.db
    .select(messageColumns)
    .from(messages)
    .innerJoin(sql`messages_fts`, sql`messages_fts.rowid = ${messages.id}`)
    .where(
      and(
        sql`messages_fts match ${placeholder("match")}`,
        eq(messages.sessionId, placeholder("sessionId")),
        lt(messages.seq, placeholder("before")),
      ),
    )
    .orderBy(sql`bm25(messages_fts)`)
    .limit(placeholder("limit"))
    .prepare();

  return {
    append: (sessionId, message) =>
      engine.write(() => {
        const { requestKey } = message;
        const stored =
          requestKey === undefined
            ? undefined
            : statements.byKey.get({ sessionId, requestKey, role: message.role });
        const row =
          sameRequest(stored, message) ??
          statements.add(sessionId, {
            ...message,
            requestKey: requestKey ?? null,
            status: "complete",
          });
        return publicPart(row);
      }),

    page: (sessionId, { limit, before = Number.MAX_SAFE_INTEGER }) =>
      engine.read(() => statements.page.all({ sessionId, limit, before }).reverse()),

    search: (sessionId, words, { limit, before }) =>
      engine.read(() => {
        if (words.length === 0) return [];
        // Each word as a quoted string: an operator or a bracket in it is text, not syntax.
        const match = words.map((word) => `"${word.replaceAll('"', '""')}"`).join(" OR ");
        return search.all({ sessionId, match, limit, before });
      }),

    ...sqliteTurns(engine, statements),
  };
}
