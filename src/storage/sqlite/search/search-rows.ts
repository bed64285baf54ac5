// The statements of a search. Preparing a query with many conditions costs more than running it, so they are batched.
import { and, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { PartsLookup } from "../../../search/parts.ts";
import { MAX_TAKEN } from "../../../sessions/store.ts";
import { MAX_READ_BYTES, SHOWN_CHARACTERS } from "../../search/message-search.ts";
import {
  allowedBy,
  type Atom,
  isRestricted,
  type Lookup,
  MAX_TITLES,
  MIN_LOOKED_AT,
  type SearchRows,
} from "../../search/rows.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { uncleared, unclearedIn } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { messageColumns } from "../history/message-rows.ts";
import { grants, messages, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

/** Maximum number of shared sessions in a search, the newest ones: each is a term of its own. */
const MAX_SHARED = MAX_TAKEN;

/** Values of one placeholder, as JSON. */
const listed = (name: string): SQL => sql`(select value from json_each(${placeholder(name)}))`;

/** A pattern for texts with other characters than ASCII's. */
const NOT_ASCII = "*[^ -~]*";

/** For `found.rowid`. */
const isAllowed = sql`(select coalesce(messages.role = ${placeholder("role")}, 1)
  and messages.created_at >= ${placeholder("since")} and messages.created_at < ${placeholder("until")}
  and (${placeholder("model")} is null or messages.model is not ${placeholder("model")}
    and not (messages.role = 'user' and messages.content = ${placeholder("prompt")}))
  from messages where messages.id = found.rowid)`;

function statements({ db }: Engine) {
  // As one JSON text: to make thousands of row objects takes longer than the search.
  return lazily({
    matching: () =>
      db
        .select({ ids: sql<string>`json_group_array(rowid)` })
        .from(
          sql`(select rowid from messages_fts where messages_fts match ${placeholder("match")}
          and rowid < ${placeholder("below")} and ${unclearedIn(sql`messages_fts.rowid`)}
          order by rowid desc limit ${placeholder("depth")})`,
        )
        .prepare(),
    // A bound on the messages that are read to find those to leave out.
    matchingOnly: () =>
      db
        .select({ id: sql<number>`found.rowid` })
        .from(
          sql`(select rowid from messages_fts where messages_fts match ${placeholder("match")}
          and rowid < ${placeholder("below")} and ${unclearedIn(sql`messages_fts.rowid`)} order by rowid desc
          limit max(${MIN_LOOKED_AT}, 4 * ${placeholder("depth")})) as found`,
        )
        .where(isAllowed)
        .limit(placeholder("depth"))
        .prepare(),
    parts: () =>
      db
        .select({ id: sql<number>`found.rowid` })
        .from(
          sql`(select rowid from messages_fts_parts where messages_fts_parts match ${placeholder("match")}
          and rowid < ${placeholder("below")} and ${unclearedIn(sql`messages_fts_parts.rowid`)} order by rowid desc
          limit max(${MIN_LOOKED_AT}, 4 * ${placeholder("depth")})) as found`,
        )
        .where(isAllowed)
        .limit(placeholder("depth"))
        .prepare(),
    beginnings: () =>
      db
        .select({
          id: messages.id,
          session: messages.sessionId,
          text: sql<string>`iif(octet_length(${messages.content}) > ${MAX_READ_BYTES}, '',
          substr(${messages.content}, 1, ${placeholder("characters")}))`,
          role: messages.role,
          bytes: sql<number>`octet_length(${messages.content})`,
        })
        .from(messages)
        .where(inArray(messages.id, listed("ids")))
        .prepare(),
    visible: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(
          and(
            inArray(sessions.id, listed("ids")),
            sql`(sessions.owner = ${placeholder("principal")} or exists (select 1 from grants
            where grants.session_id = sessions.id and grants.principal = ${placeholder("principal")}))`,
            sessionAlive,
          ),
        )
        .prepare(),
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
        .where(and(eq(messages.id, placeholder("id")), uncleared(messages.sessionId)))
        .prepare(),
  });
}

/** Sessions that are shared, and the places of messages in a session. */
function placeStatements({ db }: Engine) {
  return lazily({
    shared: () =>
      db
        .select({ id: grants.sessionId })
        .from(grants)
        .where(eq(grants.principal, placeholder("principal")))
        .orderBy(desc(grants.createdAt))
        .limit(MAX_SHARED)
        .prepare(),
    place: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .where(
          and(eq(messages.sessionId, placeholder("session")), eq(messages.seq, placeholder("seq"))),
        )
        .prepare(),
    seq: () =>
      db
        .select({ seq: messages.seq })
        .from(messages)
        .where(eq(messages.id, placeholder("id")))
        .prepare(),
    titles: () =>
      db
        .select({ id: sessions.id, title: sql<string>`${sessions.title}` })
        .from(sessions)
        .where(
          and(
            sql`(${sessions.owner} = ${placeholder("principal")} or ${sessions.id} in (select session_id from grants
              where principal = ${placeholder("principal")}))`,
            sql`(${sessions.title} glob ${NOT_ASCII} or exists (select 1
              from json_each(${placeholder("parts")}) as part where instr(lower(${sessions.title}), part.value)))`,
            sessionAlive,
          ),
        )
        .orderBy(desc(sessions.lastActiveAt))
        .limit(MAX_TITLES)
        .prepare(),
    title: () =>
      db
        .select({ title: sessions.title })
        .from(sessions)
        .where(eq(sessions.id, placeholder("session")))
        .prepare(),
    answered: () =>
      db
        .select({ id: messages.id })
        .from(messages)
        .where(
          and(
            inArray(messages.id, listed("ids")),
            sql`exists (select 1 from messages answer where answer.session_id = ${messages.sessionId}
              and answer.seq = ${messages.seq} + 1 and answer.role = 'assistant' and answer.model = ${placeholder("model")})`,
          ),
        )
        .prepare(),
    lastSeq: () =>
      db
        .select({ seq: sql<number>`coalesce(max(seq), 0)` })
        .from(messages)
        .where(eq(messages.sessionId, placeholder("session")))
        .prepare(),
  });
}

export function searchRows(engine: Engine): SearchRows {
  const q = statements(engine);
  const at = placeStatements(engine);

  return {
    matching(tokens, all, { below, depth, without, restrictions }) {
      const values = { match: matchOf(tokens, all, without), below, depth };
      if (!isRestricted(restrictions)) return JSON.parse(q.matching.get(values)!.ids) as number[];
      const rows = q.matchingOnly.all({ ...values, ...allowedBy(restrictions) });
      return rows.map(({ id }) => id);
    },
    parts(tokens, lookup, { below, depth, restrictions }) {
      const values = { match: partsMatch(tokens, lookup), below, depth };
      const rows = q.parts.all({ ...values, ...allowedBy(restrictions) });
      return rows.map(({ id }) => id);
    },
    beginnings: (ids, characters) => q.beginnings.all({ ids: JSON.stringify(ids), characters }),
    visible(principal, ids) {
      const values = { ...engine.times(), principal, ids: JSON.stringify([...ids]) };
      return new Set(q.visible.all(values).map(({ id }) => id));
    },
    // Another process may have deleted the message meanwhile.
    found: (id) => q.found.get({ id }),
    sharedWith: (principal) => at.shared.all({ principal }).map(({ id }) => id),
    titles: (principal, parts) =>
      at.titles.all({
        ...engine.times(),
        principal,
        parts: JSON.stringify(parts.map((part) => part.toLowerCase())),
      }),
    titleOf: (session) => at.title.get({ session })?.title ?? null,
    answeredBy: (model, ids) =>
      at.answered.all({ model, ids: JSON.stringify(ids) }).map(({ id }) => id),
    idOf: (session, seq) => at.place.get({ session, seq })?.id,
    seqOf: (id) => at.seq.get({ id })?.seq ?? 1,
    lastSeq: (session) => at.lastSeq.get({ session })!.seq,
  };
}

/** A query of the index. Words have letters and digits only, and quotes keep them from being operators. */
function matchOf(tokens: readonly string[], all: readonly Lookup[], without: Lookup): string {
  const having = [`scope : (${tokens.join(" OR ")})`, ...all.map(anyOf)].join(" AND ");
  return without.length === 0 ? having : `(${having}) NOT ${anyOf(without)}`;
}

/** A query of the second index. Its tokens hold no quotes but perhaps those of a text's signs. */
function partsMatch(tokens: readonly string[], lookup: PartsLookup): string {
  const quoted = (token: string): string => `"${token.replaceAll('"', '""')}"`;
  const any = lookup.map((all) => `(${all.map(quoted).join(" AND ")})`).join(" OR ");
  return `(${tokens.map((token) => quoted(`@${token}`)).join(" OR ")}) AND (${any})`;
}

const anyOf = (lookup: Lookup): string => `content : (${lookup.map(atom).join(" OR ")})`;

function atom(one: Atom): string {
  if ("prefix" in one) return `"${one.prefix}" *`;
  return `"${("words" in one ? one.words : one.pairs).join(" ")}"`;
}
