// Lists and counts of sessions, and the list of shares.
import { and, isNull, desc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import { decodeCursor, encodeCursor } from "../../../lib/cursor.ts";
import type { Access, SessionCounts } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { clientConnected, sessionAlive } from "../../shared/expiry.ts";
import { uncleared } from "../../shared/messages.ts";
import { likePattern, OPENING, Position, positionOf, START } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { messageCountOf } from "../history/history-gaps.ts";
import { grants, sessions, shareOffers } from "../schema/schema.ts";

const { placeholder } = sql;

const counts = {
  messages: messageCountOf(sql`sessions.id`),
  stateKeys: sql<number>`(select count(*) from session_state where session_state.session_id = sessions.id
    and (session_state.expires_at is null or session_state.expires_at > ${placeholder("now")}))`,
  connections: sql<number>`(select count(*) from clients where ${clientConnected}
    and clients.id <> ${placeholder("except")})`,
};
const NOTHING: SessionCounts = { messages: 0, stateKeys: 0, connections: 0 };

const facts = {
  opening: sql<string | null>`case when sessions.name is null and sessions.title is null then
    (select substr(messages.content, 1, ${sql.raw(String(OPENING))}) from messages
      where messages.session_id = sessions.id and ${uncleared(sql`sessions.id`)}
      order by messages.seq limit 1) end`,
  lastLine: sql<
    string | null
  >`(select substr(messages.content, 1, ${sql.raw(String(OPENING))}) from messages
      where messages.session_id = sessions.id and ${uncleared(sql`sessions.id`)}
      order by messages.seq desc limit 1)`,
  lastMessageAt: sql<number | null>`(select messages.created_at from messages
      where messages.session_id = sessions.id and ${uncleared(sql`sessions.id`)}
      order by messages.seq desc limit 1)`,
  program: sql<
    string | null
  >`(select clients.name from clients where clients.session_id = sessions.id
    order by clients.last_seen_at desc limit 1)`,
  shares: sql<number>`(select count(*) from grants where grants.session_id = sessions.id)`,
};

/** The access of the principal whose list it is; everything without a principal. */
const access = sql<Access>`iif(sessions.owner = ${placeholder("owner")} or ${placeholder("owner")} = '', 'own',
  (select access from grants where grants.session_id = sessions.id and grants.principal = ${placeholder("owner")}))`;

/** A function of JavaScript is slow: it is for texts that may have the query. */
const has = (text: SQL): SQL =>
  sql`(${text} like ${placeholder("pattern")} escape '\\' and instr(casefold(${text}), ${placeholder("query")}))`;

const owned = eq(sessions.owner, placeholder("owner"));
const granted = sql`sessions.id in
  (select session_id from grants where grants.principal = ${placeholder("owner")})`;

export function sqliteSessionList(
  engine: Engine,
): Pick<SessionStore, "counts" | "list" | "shares" | "total" | "lasting"> {
  const { db } = engine;
  const list = (whose: SQL) =>
    db
      .select({ ...getTableColumns(sessions), ...counts, ...facts, access })
      .from(sessions)
      .where(
        and(
          whose,
          sessionAlive,
          sql`(${sessions.lastActiveAt}, ${sessions.id}) < (${placeholder("beforeTime")}, ${placeholder("beforeId")})`,
          sql`(${placeholder("query")} = '' or ${has(sql`sessions.name`)} or ${has(sql`sessions.title`)}
            or (${placeholder("byId")} and substr(sessions.id, 1, length(${placeholder("query")})) = ${placeholder("query")}))`,
        ),
      )
      .orderBy(desc(sessions.lastActiveAt), desc(sessions.id))
      .limit(placeholder("limit"))
      .prepare();
  const q = lazily({
    anyGrant: () =>
      db
        .select({ id: grants.sessionId })
        .from(grants)
        .where(eq(grants.principal, placeholder("owner")))
        .limit(1)
        .prepare(),
    own: () => list(owned),
    pinned: () => list(and(owned, sql`sessions.pinned`)!),
    shared: () => list(sql`sessions.owner <> ${placeholder("owner")} and ${granted}`),
    everybodys: () => list(sql`true`),
  });

  return {
    list: (owner, { query = "", byId = false, only, limit, cursor }) =>
      engine.readDurable(() => {
        const [beforeTime, beforeId, isShared] =
          cursor === undefined ? START : decodeCursor("sessions", Position, cursor);
        const lower = query.toLowerCase();
        const page = (statement: typeof q.own, before: Position, limit: number) =>
          statement.all({
            ...engine.times(),
            owner: owner ?? "",
            query: lower,
            pattern: likePattern(lower),
            byId: byId ? 1 : 0,
            beforeTime: before[0],
            beforeId: before[1],
            except: "",
            limit,
          });
        const from: Position = [beforeTime, beforeId];
        const wanted = limit + 1;
        const first = owner === undefined ? q.everybodys : only === "pinned" ? q.pinned : q.own;
        const rows = isShared === undefined && only !== "shared" ? page(first, from, wanted) : [];
        const mayBeShared = owner !== undefined && (only === undefined || only === "shared");
        // Others can share as much as they like: the principal's own come first.
        if (mayBeShared && rows.length < wanted && q.anyGrant.get({ owner }) !== undefined)
          rows.push(...page(q.shared, isShared === undefined ? START : from, wanted - rows.length));
        const found = rows.slice(0, limit);
        const last = found.at(-1);
        return rows.length > limit && last !== undefined
          ? { sessions: found, nextCursor: encodeCursor("sessions", positionOf(last, owner)) }
          : { sessions: found };
      }),
    ...sessionCounts(engine),
    ...shareList(engine),
  };
}

function sessionCounts(engine: Engine): Pick<SessionStore, "counts" | "total" | "lasting"> {
  const { db } = engine;
  const q = lazily({
    counts: () =>
      db
        .select(counts)
        .from(sessions)
        .where(eq(sessions.id, placeholder("id")))
        .prepare(),
    total: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(sql`(sessions.owner = ${placeholder("owner")} or ${granted})`, sessionAlive))
        .prepare(),
    lasting: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(eq(sessions.owner, placeholder("owner")), isNull(sessions.keepMs), sessionAlive))
        .prepare(),
  });
  return {
    counts: (id, except = "") =>
      engine.readDurable(
        (): SessionCounts => q.counts.get({ ...engine.times(), id, except }) ?? NOTHING,
      ),
    total: (owner) => engine.readDurable(() => q.total.get({ ...engine.times(), owner })!.n),
    lasting: (owner, inMs) =>
      engine.readDurable(() => q.lasting.get({ ...engine.times(inMs), owner })!.n),
  };
}

function shareList(engine: Engine): Pick<SessionStore, "shares"> {
  const { db } = engine;
  const listed = (table: typeof grants | typeof shareOffers, pending: SQL) =>
    db
      .select({
        session: table.sessionId,
        ...{ name: sessions.name, title: sessions.title, owner: sessions.owner },
        principal: table.principal,
        access: table.access,
        pending: sql<boolean>`${pending}`.mapWith(Boolean).as("pending"),
        createdAt: table.createdAt,
      })
      .from(table)
      .innerJoin(sessions, eq(sessions.id, table.sessionId))
      .where(
        sql`(${placeholder("of")} = '' or ${placeholder("of")} in (${sessions.owner}, ${table.principal})) and ${sessionAlive}`,
      );
  const q = lazily({
    shares: () =>
      listed(grants, sql`0`)
        .unionAll(listed(shareOffers, sql`1`))
        .orderBy(sql`8 desc`)
        .limit(placeholder("limit"))
        .prepare(),
  });
  return {
    shares: (of = "", limit) =>
      engine.readDurable(() => q.shares.all({ ...engine.times(), of, limit })),
  };
}
