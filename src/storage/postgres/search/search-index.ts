// Rows of the full-text index. They go with their messages.
import { sql } from "drizzle-orm";
import { ownerToken, sessionToken } from "../../search/tokens.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { messageWords } from "../schema/schema.ts";
import { quoted, wordsOf } from "./vector.ts";

const { placeholder } = sql;

export type SearchIndex = ReturnType<typeof searchIndex>;

/** To be used inside a write. */
export function searchIndex({ db }: Engine) {
  const q = prepared({
    // One look for each message: joined otherwise, each is compared with all of a session that PostgreSQL takes for a small one.
    // The lists are in subqueries, where their lengths do not call for a plan of their own.
    add: () =>
      db.insert(messageWords).select(
        sql`select message.id, added.words::tsvector || array_to_tsvector(array[${placeholder("token")},
            (select 'o' || encode(convert_to(owner, 'UTF8'), 'hex') || '0' from sessions where id = ${placeholder("sessionId")})])
          from unnest((select ${placeholder("seqs")}::bigint[]), (select ${placeholder("words")}::text[])) as added(seq, words)
          cross join lateral (select messages.id from messages
            where messages.session_id = ${placeholder("sessionId")} and messages.seq = added.seq limit 1) as message`,
      ),
    upTo: () =>
      db.select({ last: sql<number | null>`max(seq)::bigint` }).from(
        sql`(select messages.seq from messages where messages.session_id = ${placeholder("id")}
            and messages.seq > ${placeholder("after")} order by messages.seq limit ${placeholder("limit")}) as few`,
      ),
    change: () =>
      db
        .update(messageWords)
        .set({
          words: sql`ts_delete(${messageWords.words}, ${placeholder("from")}::text) || ${placeholder("to")}::tsvector`,
        })
        // An array, so that the plan does not depend on how large PostgreSQL thinks the session is.
        .where(
          sql`${messageWords.messageId} = any(array(select messages.id from messages
            where messages.session_id = ${placeholder("id")} and messages.seq > ${placeholder("after")}
              and messages.seq <= ${placeholder("last")}))`,
        ),
  });
  return {
    /** Sent behind the insertion of messages, without waiting for it. */
    add: async (
      sessionId: string,
      added: readonly { seq: number; content: string }[],
    ): Promise<void> => {
      const seqs = added.map(({ seq }) => seq);
      const words = added.map(({ content }) => wordsOf(content));
      await q.add.run({ sessionId, seqs, words, token: sessionToken(sessionId) });
    },
    /**
     * Inside a write: gives the words of at most `limit` messages behind `after` to an owner, and takes them from another one.
     * Resolves to the last number of them; undefined behind the last message.
     */
    async changeOwner(
      id: string,
      { from = "", to = "" }: { from?: string; to?: string },
      after: number,
      limit: number,
    ): Promise<number | undefined> {
      const last = (await q.upTo.get({ id, after, limit }))?.last ?? undefined;
      if (last === undefined) return undefined;
      const tokens = { from: from && ownerToken(from), to: to && quoted(ownerToken(to)) };
      await q.change.run({ id, after, last, ...tokens });
      return last;
    },
  };
}
