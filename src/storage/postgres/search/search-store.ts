// Search in PostgreSQL: the rows behind the shared search.
import { and, desc, eq, sql } from "drizzle-orm";
import type { HistoryStore } from "../../../chat/store.ts";
import { MAX_TAKEN } from "../../../sessions/store.ts";
import { MAX_READ_BYTES, searchMessages, SHOWN_CHARACTERS } from "../../search/message-search.ts";
import type { PartsFiller } from "../../search/parts-filler.ts";
import {
  allowedBy,
  isRestricted,
  MAX_TITLES,
  MIN_LOOKED_AT,
  type SearchRows,
} from "../../search/rows.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { uncleared, unclearedIn } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { messageColumns } from "../history/message-rows.ts";
import { grants, messageParts, messages, messageWords, sessions } from "../schema/schema.ts";
import { partsQuery, queryOf } from "./vector.ts";

const { placeholder } = sql;

export function postgresSearch(engine: Engine, parts?: PartsFiller): HistoryStore["search"] {
  const rows = searchRows(engine);
  return async (scope, query, options) => {
    await parts?.catchUp();
    return engine.read(() => searchMessages(rows, scope, query, options));
  };
}

export function searchRows(engine: Engine): SearchRows {
  const q = statementsOf(engine);
  const at = placesOf(engine);
  return {
    async matching(tokens, all, { below, depth, without, restrictions }) {
      const values = { match: queryOf(tokens, all, without), below, depth };
      if (!isRestricted(restrictions)) return (await q.matching.all(values)).map(({ id }) => id);
      const found = await q.matchingOnly.all({ ...values, ...allowedBy(restrictions) });
      return found.map(({ id }) => id);
    },
    async parts(tokens, lookup, { below, depth, restrictions }) {
      const values = { ...partsQuery(tokens, lookup), below, depth };
      const found = await q.parts.all({ ...values, ...allowedBy(restrictions) });
      return found.map(({ id }) => id);
    },
    beginnings: (ids, characters) => q.beginnings.all({ ids, characters }),
    async visible(principal, ids) {
      const found = await q.visible.all({ ...engine.times(), principal, ids: [...ids] });
      return new Set(found.map(({ id }) => id));
    },
    found: (id) => q.found.get({ id }),
    sharedWith: async (principal) => (await at.shared.all({ principal })).map(({ id }) => id),
    titles: (principal, parts) =>
      at.titles.all({
        ...engine.times(),
        principal,
        parts: parts.map((part) => part.toLowerCase()),
      }),
    titleOf: async (session) => (await at.title.get({ session }))?.title ?? null,
    answeredBy: async (model, ids) => (await at.answered.all({ model, ids })).map(({ id }) => id),
    idOf: async (session, seq) => (await at.place.get({ session, seq }))?.id,
    seqOf: async (id) => (await at.seq.get({ id }))?.seq ?? 1,
    lastSeq: async (session) => (await at.lastSeq.get({ session }))!.seq,
  };
}

/** A pattern for texts with other characters than ASCII's. */
const NOT_ASCII = "[^ -~]";

/** For a row of messages. */
const isAllowed = sql`coalesce(${messages.role} = ${placeholder("role")}::text, true)
  and ${messages.createdAt} >= ${placeholder("since")} and ${messages.createdAt} < ${placeholder("until")}
  and (${placeholder("model")}::text is null or ${messages.model} is distinct from ${placeholder("model")}::text
    and not (${messages.role} = 'user' and ${messages.content} = ${placeholder("prompt")}::text))`;

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
    matchingOnly: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .innerJoin(
          sql`(select message_id from ${messageWords} where ${matches}
          order by message_id desc limit greatest(${MIN_LOOKED_AT}, 4 * ${placeholder("depth")}::bigint)) as found`,
          sql`found.message_id = ${messages.id}`,
        )
        .where(isAllowed)
        .orderBy(desc(messages.id))
        .limit(placeholder("depth")),
    parts: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .innerJoin(messageParts, eq(messageParts.messageId, messages.id))
        .where(
          and(
            sql`${messageParts.parts} @@ ${placeholder("parts")}::tsquery and ${messages.id} < ${placeholder("below")}`,
            sql`exists (select 1 from message_words where message_words.message_id = ${messages.id}
              and message_words.words @@ ${placeholder("whose")}::tsquery)`,
            unclearedIn(sql`messages.id`),
            isAllowed,
          ),
        )
        .orderBy(desc(messages.id))
        .limit(placeholder("depth")),
    beginnings: () =>
      db
        .select({
          id: messages.id,
          session: messages.sessionId,
          text: sql<string>`case when octet_length(${messages.content}) > ${MAX_READ_BYTES} then ''
          else substr(${messages.content}, 1, ${placeholder("characters")}::int) end`,
          role: messages.role,
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
    titles: () =>
      db
        .select({ id: sessions.id, title: sql<string>`${sessions.title}` })
        .from(sessions)
        .where(
          and(
            sql`(${sessions.owner} = ${placeholder("principal")} or ${sessions.id} in (select session_id from grants
              where principal = ${placeholder("principal")}))`,
            sql`(${sessions.title} ~ ${NOT_ASCII} or exists (select 1
              from unnest(${placeholder("parts")}::text[]) as part where position(part in lower(${sessions.title})) > 0))`,
            sessionAlive,
          ),
        )
        .orderBy(desc(sessions.lastActiveAt))
        .limit(MAX_TITLES),
    title: () =>
      db
        .select({ title: sessions.title })
        .from(sessions)
        .where(eq(sessions.id, placeholder("session"))),
    answered: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .where(
          sql`${messages.id} = any(${placeholder("ids")}::bigint[]) and exists (select 1 from messages answer
            where answer.session_id = ${messages.sessionId} and answer.seq = ${messages.seq} + 1
              and answer.role = 'assistant' and answer.model = ${placeholder("model")})`,
        ),
    lastSeq: () =>
      db
        .select({ seq: sql<number>`coalesce(max(${messages.seq}), 0)` })
        .from(messages)
        .where(eq(messages.sessionId, placeholder("session"))),
  });
}
