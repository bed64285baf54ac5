// Lists and counts of sessions, and the list of shares.
import { and, isNull, desc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import { decodeCursor, encodeCursor } from "../../../lib/cursor.ts";
import type { Access, SessionCounts } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { clientConnected, sessionAlive } from "../../shared/expiry.ts";
import { uncleared } from "../../shared/messages.ts";
import { likePattern, OPENING, Position, positionOf, START } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
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

const owner = sql`${placeholder("owner")}::text`;
const query = sql`${placeholder("query")}::text`;

/** The access of the principal whose list it is; everything without a principal. */
const access = sql<Access>`case when sessions.owner = ${owner} or ${owner} = '' then 'own' else
  (select grants.access from grants where grants.session_id = sessions.id and grants.principal = ${owner}) end`;

const owned = sql`sessions.owner = ${owner}`;
const granted = sql`sessions.id in
  (select grants.session_id from grants where grants.principal = ${owner})`;

/** Lower case of all scripts, as JavaScript has it, to be searched byte by byte. */
const folded = (column: SQL): SQL => sql`lower(${column} collate "und-x-icu") collate "C"`;

/** Lower case of all scripts is slow: it is for texts that may have the query. */
const has = (text: SQL): SQL =>
  sql`(${text} collate "C" ilike ${placeholder("pattern")}::text and strpos(${folded(text)}, ${query}) > 0)`;

const found = sql`(${query} = '' or ${has(sql`sessions.name`)} or ${has(sql`sessions.title`)}
  or (${placeholder("byId")}::boolean and starts_with(sessions.id, ${query})))`;

export function postgresSessionList(
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
          sql`(sessions.last_active_at, sessions.id) < (${placeholder("beforeTime")}, ${placeholder("beforeId")})`,
          found,
        ),
      )
      .orderBy(desc(sessions.lastActiveAt), desc(sessions.id))
      .limit(placeholder("limit"));
  const q = prepared({
    anyGrant: () =>
      db
        .select({ id: grants.sessionId })
        .from(grants)
        .where(eq(grants.principal, placeholder("owner")))
        .limit(1),
    own: () => list(owned),
    pinned: () => list(sql`${owned} and sessions.pinned`),
    shared: () => list(sql`sessions.owner <> ${owner} and ${granted}`),
    everybodys: () => list(sql`true`),
  });

  return {
    list: (owner, { query = "", byId = false, only, limit, cursor }) =>
      engine.read(async () => {
        const [beforeTime, beforeId, isShared] =
          cursor === undefined ? START : decodeCursor("sessions", Position, cursor);
        const lower = query.toLowerCase();
        const page = (statement: typeof q.own, before: Position, limit: number) =>
          statement.all({
            ...engine.times(),
            ...{ owner: owner ?? "", query: lower, pattern: likePattern(lower), byId },
            ...{ beforeTime: before[0], beforeId: before[1], except: "", limit },
          });
        const from: Position = [beforeTime, beforeId];
        const wanted = limit + 1;
        const own = owner === undefined ? q.everybodys : only === "pinned" ? q.pinned : q.own;
        const mayBeShared = owner !== undefined && (only === undefined || only === "shared");
        const [rows, anyGrant] = await Promise.all([
          isShared === undefined && only !== "shared"
            ? page(own, from, wanted)
            : Promise.resolve([]),
          mayBeShared ? q.anyGrant.get({ owner }) : undefined,
        ]);
        // Others can share as much as they like: the principal's own come first.
        if (anyGrant !== undefined && rows.length < wanted) {
          const first = isShared === undefined ? START : from;
          rows.push(...(await page(q.shared, first, wanted - rows.length)));
        }
        const sessions = rows.slice(0, limit);
        const last = sessions.at(-1);
        return rows.length > limit && last !== undefined
          ? { sessions, nextCursor: encodeCursor("sessions", positionOf(last, owner)) }
          : { sessions };
      }),
    ...sessionCounts(engine),
    ...shareList(engine),
  };
}

function sessionCounts(engine: Engine): Pick<SessionStore, "counts" | "total" | "lasting"> {
  const { db } = engine;
  const q = prepared({
    counts: () =>
      db
        .select(counts)
        .from(sessions)
        .where(eq(sessions.id, placeholder("id"))),
    total: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(sql`(${owned} or ${granted})`, sessionAlive)),
    lasting: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(owned, isNull(sessions.keepMs), sessionAlive)),
  });
  return {
    counts: (id, except = "") =>
      engine.read(
        async (): Promise<SessionCounts> =>
          (await q.counts.get({ ...engine.times(), id, except })) ?? NOTHING,
      ),
    total: (owner) => engine.read(async () => (await q.total.get({ ...engine.times(), owner }))!.n),
    lasting: (owner, inMs) =>
      engine.read(async () => (await q.lasting.get({ ...engine.times(inMs), owner }))!.n),
  };
}

function shareList(engine: Engine): Pick<SessionStore, "shares"> {
  const { db } = engine;
  const of = sql`${placeholder("of")}::text`;
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
        sql`(${of} = '' or ${of} in (${sessions.owner}, ${table.principal})) and ${sessionAlive}`,
      );
  const q = prepared({
    shares: () =>
      listed(grants, sql`false`)
        .unionAll(listed(shareOffers, sql`true`))
        .orderBy(sql`8 desc`)
        .limit(placeholder("limit")),
  });
  return {
    shares: (of = "", limit) => engine.read(() => q.shares.all({ ...engine.times(), of, limit })),
  };
}
