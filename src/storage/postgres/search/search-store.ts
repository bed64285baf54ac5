// Search in PostgreSQL: the rows behind the shared search.
import { and, desc, eq, type SQL, sql, type SQLWrapper } from "drizzle-orm";
import type { HistoryStore } from "../../../chat/store.ts";
import { MAX_TAKEN } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  MAX_READ_BYTES,
  READ_CHARACTERS,
  searchMessages,
  type SearchRows,
  SHOWN_CHARACTERS,
} from "../../shared/message-search.ts";
import { uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { messageColumns } from "../history/message-rows.ts";
import { grants, messages, messageWords, sessions } from "../schema/schema.ts";
import { queryOf } from "./vector.ts";

const { placeholder } = sql;

export function postgresSearch(engine: Engine): HistoryStore["search"] {
  const rows = searchRows(engine);
  return (scope, query, options) => engine.read(() => searchMessages(rows, scope, query, options));
}

function searchRows(engine: Engine): SearchRows {
  const q = statementsOf(engine);
  const at = placesOf(engine);
  return {
    async matching(tokens, terms, { below, depth, except }) {
      const values = { match: queryOf(tokens, terms), below, depth };
      const found = except
        ? await q.matchingExcept.all({ ...values, ...except })
        : await q.matching.all(values);
      return found.map(({ id }) => id);
    },
    beginnings: (ids) => q.beginnings.all({ ids }),
    async visible(principal, ids) {
      const found = await q.visible.all({ ...engine.times(), principal, ids: [...ids] });
      return new Set(found.map(({ id }) => id));
    },
    found: (id) => q.found.get({ id }),
    sharedWith: async (principal) => (await at.shared.all({ principal })).map(({ id }) => id),
    idOf: async (session, seq) => (await at.place.get({ session, seq }))?.id,
    seqOf: async (id) => (await at.seq.get({ id }))?.seq ?? 1,
    lastSeq: async (session) => (await at.lastSeq.get({ session }))!.seq,
  };
}

/**
 * Nearly always nothing is cleared, and one look says so. The messages of a cleared history must not take the places of
 * others while their rows go.
 */
const unclearedIn = (id: SQLWrapper): SQL =>
  sql`(not exists (select 1 from history_gaps where cleared_seq > 0) or not exists (select 1 from messages cleared
    join history_gaps on history_gaps.session_id = cleared.session_id and cleared.seq <= history_gaps.cleared_seq
    where cleared.id = ${id}))`;

function statementsOf({ db }: Engine) {
  const among = (name: string, type: string) => sql`any(${placeholder(name)}::${sql.raw(type)}[])`;
  const matches = sql`${messageWords.words} @@ ${placeholder("match")}::tsquery
    and ${messageWords.messageId} < ${placeholder("below")} and ${unclearedIn(sql`message_words.message_id`)}`;
  return prepared({
    matching: () =>
      db
        .select({ id: messageWords.messageId })
        .from(messageWords)
        .where(matches)
        .orderBy(desc(messageWords.messageId))
        .limit(placeholder("depth")),
    // A bound on the messages that are read to find those to leave out.
    matchingExcept: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .innerJoin(
          sql`(select message_id from ${messageWords} where ${matches}
          order by message_id desc limit 4 * ${placeholder("depth")}::bigint) as found`,
          sql`found.message_id = ${messages.id}`,
        )
        .where(
          sql`${messages.model} is distinct from ${placeholder("model")}
            and not (${messages.role} = 'user' and ${messages.content} = ${placeholder("prompt")})`,
        )
        .orderBy(desc(messages.id))
        .limit(placeholder("depth")),
    beginnings: () =>
      db
        .select({
          id: messages.id,
          session: messages.sessionId,
          text: sql<string>`case when octet_length(${messages.content}) > ${MAX_READ_BYTES} then ''
          else substr(${messages.content}, 1, ${READ_CHARACTERS}) end`,
          bytes: sql<number>`octet_length(${messages.content})`,
        })
        .from(messages)
        .where(sql`${messages.id} = ${among("ids", "bigint")}`),
    visible: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          and(
            sql`${sessions.id} = ${among("ids", "text")}`,
            sql`(sessions.owner = ${placeholder("principal")} or exists (select 1 from grants
            where grants.session_id = sessions.id and grants.principal = ${placeholder("principal")}))`,
            sessionAlive,
          ),
        ),
    found: () =>
      db
        .select({
          ...messageColumns,
          content: sql<string>`substr(${messages.content}, 1, ${SHOWN_CHARACTERS})`,
          session: messages.sessionId,
          title: sessions.title,
        })
        .from(messages)
        .innerJoin(sessions, eq(sessions.id, messages.sessionId))
        .where(and(eq(messages.id, placeholder("id")), uncleared(messages.sessionId))),
  });
}

/** Sessions that are shared, and the places of messages in a session. */
function placesOf({ db }: Engine) {
  return prepared({
    shared: () =>
      db
        .select({ id: grants.sessionId })
        .from(grants)
        .where(eq(grants.principal, placeholder("principal")))
        .orderBy(desc(grants.createdAt))
        .limit(MAX_TAKEN),
    place: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .where(
          and(eq(messages.sessionId, placeholder("session")), eq(messages.seq, placeholder("seq"))),
        ),
    seq: () =>
      db
        .select({ seq: messages.seq })
        .from(messages)
        .where(eq(messages.id, placeholder("id"))),
    lastSeq: () =>
      db
        .select({ seq: sql<number>`coalesce(max(${messages.seq}), 0)` })
        .from(messages)
        .where(eq(messages.sessionId, placeholder("session"))),
  });
}
