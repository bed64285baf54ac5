// Rows of the full-text index. They go with their messages.
import { sql } from "drizzle-orm";
import { ownerToken, sessionToken } from "../../shared/search-tokens.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { messageWords } from "../schema/schema.ts";
import { quoted, wordsOf } from "./vector.ts";

const { placeholder } = sql;

export type SearchIndex = ReturnType<typeof searchIndex>;

/** To be used inside a write. */
export function searchIndex({ db }: Engine) {
  const q = prepared({
    add: () =>
      db.insert(messageWords).select(
        sql`select messages.id, ${placeholder("words")}::tsvector || array_to_tsvector(array[
            ${placeholder("token")}, 'o' || encode(convert_to(sessions.owner, 'UTF8'), 'hex') || '0'])
          from messages join sessions on sessions.id = messages.session_id
          where messages.session_id = ${placeholder("sessionId")} and messages.seq = ${placeholder("seq")}`,
      ),
    move: () =>
      db
        .update(messageWords)
        .set({
          words: sql`ts_delete(${messageWords.words}, ${placeholder("from")}::text) || ${placeholder("to")}::tsvector`,
        })
        // An array, so that the plan does not depend on how large PostgreSQL thinks the session is.
        .where(
          sql`${messageWords.messageId} = any(array(select messages.id from messages
            where messages.session_id = ${placeholder("id")}))`,
        ),
  });
  return {
    /** Sent behind the insertion of the message, without waiting for it. */
    add: async (sessionId: string, seq: number, content: string): Promise<void> =>
      void (await q.add.run({
        ...{ sessionId, seq, words: wordsOf(content), token: sessionToken(sessionId) },
      })),
    /** Another principal owns the session from now on. */
    moveWords: async (id: string, from: string, to: string): Promise<void> =>
      void (await q.move.run({ id, from: ownerToken(from), to: quoted(ownerToken(to)) })),
  };
}
