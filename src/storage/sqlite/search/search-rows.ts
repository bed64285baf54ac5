// The statements of a search. Preparing a query with many conditions costs more than running it, so they are batched.
import { and, desc, eq, inArray, type SQL, sql } from "drizzle-orm";
import type { Term } from "../../../search/terms.ts";
import { MAX_TAKEN } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  MAX_READ_BYTES,
  READ_CHARACTERS,
  type SearchRows,
  SHOWN_CHARACTERS,
} from "../../shared/message-search.ts";
import { uncleared } from "../../shared/messages.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { messageColumns } from "../history/message-rows.ts";
import { grants, messages, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

/** Maximum number of shared sessions in a search, the newest ones: each is a term of its own. */
const MAX_SHARED = MAX_TAKEN;

/** Values of one placeholder, as JSON. */
const listed = (name: string): SQL => sql`(select value from json_each(${placeholder(name)}))`;

/**
 * Nearly always nothing is cleared, and one look says so. The messages of a cleared history must not take the places of
 * others while their rows go.
 */
const unclearedIn = (rowid: string): SQL =>
  sql`(not exists (select 1 from history_gaps where cleared_seq > 0) or not exists (select 1 from messages cleared
    join history_gaps on history_gaps.session_id = cleared.session_id and cleared.seq <= history_gaps.cleared_seq
    where cleared.id = ${sql.raw(rowid)}))`;

function statements({ db }: Engine) {
  const matching = () =>
    db
      .select({ id: sql<number>`rowid` })
      .from(sql`messages_fts`)
      .where(
        and(
          sql`messages_fts match ${placeholder("match")}`,
          sql`rowid < ${placeholder("below")}`,
          unclearedIn("messages_fts.rowid"),
        ),
      )
      .orderBy(sql`rowid desc`)
      .limit(placeholder("depth"))
      .prepare();
  return lazily({
    matching: () => matching(),
    // A bound on the messages that are read to find those to leave out.
    matchingExcept: () =>
      db
        .select({ id: sql<number>`found.rowid` })
        .from(
          sql`(select rowid from messages_fts where messages_fts match ${placeholder("match")}
          and rowid < ${placeholder("below")} and ${unclearedIn("messages_fts.rowid")} order by rowid desc limit 4 * ${placeholder("depth")}) as found`,
        )
        .where(
          sql`(select messages.model is not ${placeholder("model")}
            and not (messages.role = 'user' and messages.content = ${placeholder("prompt")})
          from messages where messages.id = found.rowid)`,
        )
        .limit(placeholder("depth"))
        .prepare(),
    beginnings: () =>
      db
        .select({
          id: messages.id,
          session: messages.sessionId,
          text: sql<string>`iif(octet_length(${messages.content}) > ${MAX_READ_BYTES}, '',
          substr(${messages.content}, 1, ${READ_CHARACTERS}))`,
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
    matching(tokens, terms, { below, depth, except }) {
      const values = { match: matchOf(tokens, terms), below, depth };
      const rows = except ? q.matchingExcept.all({ ...values, ...except }) : q.matching.all(values);
      return rows.map(({ id }) => id);
    },
    beginnings: (ids) => q.beginnings.all({ ids: JSON.stringify(ids) }),
    visible(principal, ids) {
      const values = { ...engine.times(), principal, ids: JSON.stringify([...ids]) };
      return new Set(q.visible.all(values).map(({ id }) => id));
    },
    // Another process may have deleted the message meanwhile.
    found: (id) => q.found.get({ id }),
    sharedWith: (principal) => at.shared.all({ principal }).map(({ id }) => id),
    idOf: (session, seq) => at.place.get({ session, seq })?.id,
    seqOf: (id) => at.seq.get({ id })?.seq ?? 1,
    lastSeq: (session) => at.lastSeq.get({ session })!.seq,
  };
}

/** A query of the index. */
const matchOf = (tokens: readonly string[], terms: readonly Term[]): string =>
  [`scope : (${tokens.join(" OR ")})`, ...terms.map(phrase)].join(" AND ");

/** The term in a query of the index. It has letters and digits only, and quotes keep it from being an operator. */
const phrase = ({ phrase }: Term): string => `content : "${phrase.join(" ")}"`;
