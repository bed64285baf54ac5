// Search in SQLite. Its own bm25() counts every message that has a word before it ranks the first (a second and more in
// a million messages), so the index only tells which messages have a term, the newest first and no more than a bound,
// and these are ranked here.
import { and, eq, sql, type SQL } from "drizzle-orm";
import type { Found, HistoryStore, SearchScope } from "../../chat/store.ts";
import { Matcher } from "../../search/matches.ts";
import { score, weightOf } from "../../search/ranking.ts";
import type { Term } from "../../search/terms.ts";
import { sessionAlive, type Engine } from "./engine.ts";
import { messageColumns } from "./message-rows.ts";
import { grants, messages, sessions } from "./schema.ts";
import { ownerToken, sessionToken } from "./search-index.ts";

const { placeholder } = sql;

/** So many of the newest messages that have a term compete; fewer each when there are many terms. */
const MAX_MATCHES = 1_000;
const MAX_MATCHES_TOGETHER = 5_000;
/** So many of them are read and compared by what they say. */
const MAX_READ = 100;
/** How much of each, in characters; of one that is larger than this, in bytes, nothing. */
const READ_CHARACTERS = 4_000;
const MAX_READ_BYTES = 65_536;

/** A message that has some of the terms. */
interface Candidate {
  id: number;
  /** Which terms the index found in it. */
  has: Set<number>;
  weight: number;
}

export function sqliteSearch(engine: Engine): HistoryStore["search"] {
  const { db } = engine;
  const matching = (which?: SQL) =>
    db
      .select({ id: sql<number>`rowid` })
      .from(sql`messages_fts`)
      .where(
        and(
          sql`messages_fts match ${placeholder("match")}`,
          sql`rowid < ${placeholder("below")}`,
          which,
        ),
      )
      .orderBy(sql`rowid desc`)
      .limit(placeholder("depth"))
      .prepare();
  const visible = sql`(sessions.id = ${placeholder("session")} or sessions.owner = ${placeholder("principal")}
    or exists (select 1 from grants where grants.session_id = sessions.id
      and grants.principal = ${placeholder("principal")}))`;
  const visibleById = and(eq(messages.id, placeholder("id")), visible, sessionAlive);
  const q = {
    matching: matching(),
    matchingExcept: matching(
      sql`(select messages.model is not ${placeholder("model")}
          and not (messages.role = 'user' and messages.content = ${placeholder("prompt")})
        from messages where messages.id = messages_fts.rowid)`,
    ),
    beginning: db
      .select({
        text: sql<string>`iif(octet_length(${messages.content}) > ${MAX_READ_BYTES}, '',
          substr(${messages.content}, 1, ${READ_CHARACTERS}))`,
        bytes: sql<number>`octet_length(${messages.content})`,
      })
      .from(messages)
      .innerJoin(sessions, eq(sessions.id, messages.sessionId))
      .where(visibleById)
      .prepare(),
    message: db
      .select({ ...messageColumns, session: messages.sessionId, title: sessions.title })
      .from(messages)
      .innerJoin(sessions, eq(sessions.id, messages.sessionId))
      .where(eq(messages.id, placeholder("id")))
      .prepare(),
    shared: db
      .select({ id: grants.sessionId })
      .from(grants)
      .where(eq(grants.principal, placeholder("principal")))
      .prepare(),
    place: db
      .select({ id: messages.id })
      .from(messages)
      .where(
        and(eq(messages.sessionId, placeholder("session")), eq(messages.seq, placeholder("seq"))),
      )
      .prepare(),
    seq: db
      .select({ seq: messages.seq })
      .from(messages)
      .where(eq(messages.id, placeholder("id")))
      .prepare(),
    last: db
      .select({ id: sql<number>`coalesce(max(id), 0)` })
      .from(messages)
      .prepare(),
    lastSeq: db
      .select({ seq: sql<number>`coalesce(max(seq), 0)` })
      .from(messages)
      .where(eq(messages.sessionId, placeholder("session")))
      .prepare(),
  };

  const tokens = (scope: SearchScope): string[] =>
    "session" in scope
      ? [sessionToken(scope.session)]
      : [
          ownerToken(scope.principal),
          ...q.shared.all({ principal: scope.principal }).map(({ id }) => sessionToken(id)),
        ];

  /** How many messages of the scope there are, about, from the newest back to this one; to the first by default. */
  const messagesFrom = (scope: SearchScope, id?: number): number => {
    if (!("session" in scope)) return q.last.get()!.id - (id ?? 1) + 1;
    const first = id === undefined ? 1 : q.seq.get({ id })!.seq;
    return q.lastSeq.get({ session: scope.session })!.seq - first + 1;
  };

  return (scope, terms, { limit, before, except }) =>
    engine.read(() => {
      if (terms.length === 0) return [];
      const own = {
        session: "session" in scope ? scope.session : null,
        principal: "session" in scope ? null : scope.principal,
      };
      const below =
        (before !== undefined && q.place.get({ session: own.session, seq: before })?.id) ||
        Number.MAX_SAFE_INTEGER;
      const whose = `scope : (${tokens(scope).join(" OR ")})`;
      const depth = Math.min(MAX_MATCHES, Math.ceil(MAX_MATCHES_TOGETHER / terms.length));
      const having = (wanted: readonly Term[]): number[] => {
        const match = [whose, ...wanted.map(phrase)].join(" AND ");
        const rows = except
          ? q.matchingExcept.all({ match, below, depth, ...except })
          : q.matching.all({ match, below, depth });
        return rows.map(({ id }) => id);
      };

      const candidates = new Map<number, Candidate>();
      const note = (id: number, term: number): void => {
        const candidate = candidates.get(id) ?? { id, has: new Set(), weight: 0 };
        candidates.set(id, candidate);
        if (candidate.has.has(term)) return;
        candidate.has.add(term);
        candidate.weight += weights[term]!;
      };
      const found = terms.map((term) => having([term]));
      const weights = found.map((ids) => {
        const looked = ids.length < depth ? undefined : ids.at(-1);
        return ids.length === 0 ? 0 : weightOf(ids.length, messagesFrom(scope, looked));
      });
      for (const [term, ids] of found.entries()) for (const id of ids) note(id, term);
      // Old messages that have all of several common terms are among the newest of none.
      if (terms.length > 1 && found.every((ids) => ids.length > 0))
        for (const id of having(terms)) for (const term of terms.keys()) note(id, term);

      const matcher = new Matcher(terms);
      const read = [...candidates.values()]
        .sort((a, b) => b.weight - a.weight || b.id - a.id)
        .values()
        .flatMap((candidate) => {
          const row = q.beginning.get({ ...engine.times(), ...own, id: candidate.id });
          return row === undefined ? [] : [{ ...candidate, ...row }];
        })
        .take(Math.max(MAX_READ, limit))
        .toArray();
      const average = read.reduce((sum, { bytes }) => sum + bytes, 0) / read.length;
      return read
        .map(({ id, has, text, bytes }) => {
          const counts = terms.map((_, term) => (has.has(term) ? 1 : 0));
          const seen = terms.map(() => 0);
          for (const { term } of matcher.find(text)) seen[term]! += 1;
          const most = counts.map((count, term) => Math.max(count, seen[term]!));
          return { id, score: score(most, weights, { own: bytes, average }) };
        })
        .sort((a, b) => b.score - a.score || b.id - a.id)
        .slice(0, limit)
        .map(({ id, score }): Found => {
          const { session, title, ...message } = q.message.get({ id })!;
          return { session, title, message, score };
        });
    });
}

/** As the index is asked for it. A term has letters and digits only; quoted, none of it is an operator. */
const phrase = ({ phrase }: Term): string => `content : "${phrase.join(" ")}"`;
