// Sessions in SQLite. Not here: what a session owns; the foreign keys delete that.
import { and, desc, eq, getTableColumns, ne, sql, type SQL } from "drizzle-orm";
import { z } from "zod";
import { decodeCursor, encodeCursor } from "../../../lib/cursor.ts";
import { titleOf } from "../../../chat/title.ts";
import { AppError } from "../../../lib/errors.ts";
import type { Access, Session, SessionCounts } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import {
  clientConnected,
  HIDDEN,
  sessionAlive,
  sessionExpired,
  type Engine,
} from "../engine/engine.ts";
import { inBatches, sqliteExpiring } from "../engine/expiring.ts";
import { messageCountOf, sqliteHistoryGaps } from "../history/history-gaps.ts";
import { FIRST_TURN } from "../history/message-rows.ts";
import { sqliteMessageDeletion } from "../history/message-deletion.ts";
import {
  grants,
  messages,
  runningSessions,
  sessions,
  sessionState,
  summaries,
} from "../schema/schema.ts";
import { sqliteShares } from "./share-rows.ts";
import { sqliteShrink } from "./shrink.ts";
import { sqliteTraces } from "./traces.ts";
import type { Usage } from "../limits/usage.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { lazily } from "../engine/statements.ts";

const { placeholder } = sql;

const counts = {
  messages: messageCountOf(sql`sessions.id`),
  stateKeys: sql<number>`(select count(*) from session_state where session_state.session_id = sessions.id
    and (session_state.expires_at is null or session_state.expires_at > ${placeholder("now")}))`,
  connections: sql<number>`(select count(*) from clients where ${clientConnected}
    and clients.id <> ${placeholder("except")})`,
};

/** The last activity and the id of the session that a page ended with; own ones come before shared ones. */
const Position = z.union([
  z.tuple([z.number(), z.string()]),
  z.tuple([z.number(), z.string(), z.literal(1)]),
]);
type Position = z.output<typeof Position>;
const START: Position = [Number.MAX_SAFE_INTEGER, ""];

/** Marked where it is among those that others share. */
const positionOf = ({ lastActiveAt, id, owner }: Session, whose: string | undefined): Position =>
  whose === undefined || owner === whose ? [lastActiveAt, id] : [lastActiveAt, id, 1];

const OPENING = 200; // characters

const facts = {
  opening: sql<string | null>`case when sessions.name is null and sessions.title is null then
    (select substr(messages.content, 1, ${sql.raw(String(OPENING))}) from messages
      where messages.session_id = sessions.id order by messages.seq limit 1) end`,
  program: sql<
    string | null
  >`(select clients.name from clients where clients.session_id = sessions.id
    order by clients.last_seen_at desc limit 1)`,
  shares: sql<number>`(select count(*) from grants where grants.session_id = sessions.id)`,
};

/** What the principal may do that is listed for; everything without one. */
const access = sql<Access>`iif(sessions.owner = ${placeholder("owner")} or ${placeholder("owner")} = '', 'own',
  (select access from grants where grants.session_id = sessions.id and grants.principal = ${placeholder("owner")}))`;

/** Default fields of a new session. */
const BLANK = { name: null, title: null, system: null, keepMs: null, openedBy: null };
const NOTHING: SessionCounts = { messages: 0, stateKeys: 0, connections: 0 };

export function sqliteSessionStore(
  engine: Engine,
  usage: Usage,
  writes: WriteAccess,
): SessionStore {
  const { db } = engine;
  const cache = engine.cached.sessions;
  const gaps = sqliteHistoryGaps(engine);
  /** A session that goes leaves the clients that worked in it. */
  const forgetAll = (): void => {
    cache.clear();
    engine.cached.clients.clear();
  };
  const byId = eq(sessions.id, placeholder("id"));
  const byName = and(
    eq(sessions.owner, placeholder("owner")),
    eq(sessions.name, placeholder("name")),
  );
  const owned = eq(sessions.owner, placeholder("owner"));

  /** Its own, and those that others share with it. */
  const seen = sql`(sessions.owner = ${placeholder("owner")} or sessions.id in
    (select session_id from grants where grants.principal = ${placeholder("owner")}))`;

  const shared = sql`sessions.owner <> ${placeholder("owner")} and sessions.id in
    (select session_id from grants where grants.principal = ${placeholder("owner")})`;
  const shares = sqliteShares(engine, usage, writes);

  const list = (whose: SQL) =>
    db
      .select({ ...getTableColumns(sessions), ...counts, ...facts, access })
      .from(sessions)
      .where(
        and(
          whose,
          sessionAlive,
          sql`(${sessions.lastActiveAt}, ${sessions.id}) < (${placeholder("beforeTime")}, ${placeholder("beforeId")})`,
          sql`(${placeholder("query")} = '' or instr(casefold(sessions.name), ${placeholder("query")})
            or instr(casefold(sessions.title), ${placeholder("query")})
            or (${placeholder("byId")} and substr(sessions.id, 1, length(${placeholder("query")})) = ${placeholder("query")}))`,
        ),
      )
      .orderBy(desc(sessions.lastActiveAt), desc(sessions.id))
      .limit(placeholder("limit"))
      .prepare();

  const count = (which: SQL | undefined) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(sessions)
      .where(which)
      .prepare();

  const shrink = sqliteShrink(engine);
  const traces = sqliteTraces(engine);
  const q = lazily({
    findByName: () => db.select().from(sessions).where(and(byName, sessionAlive)).prepare(),
    byId: () => db.select().from(sessions).where(byId).prepare(),
    aliveById: () => db.select().from(sessions).where(and(byId, sessionAlive)).prepare(),
    insert: () =>
      db
        .insert(sessions)
        .values({
          id: placeholder("id"),
          owner: placeholder("owner"),
          name: placeholder("name"),
          title: placeholder("title"),
          system: placeholder("system"),
          keepMs: placeholder("keepMs"),
          openedBy: placeholder("openedBy"),
          pinned: false,
          createdAt: placeholder("now"),
          lastActiveAt: placeholder("now"),
        })
        .returning()
        .prepare(),
    update: () =>
      db
        .update(sessions)
        .set({
          name: sql`${placeholder("name")}`,
          title: sql`${placeholder("title")}`,
          system: sql`${placeholder("system")}`,
          pinned: sql`${placeholder("pinned")}`,
          lastActiveAt: sql`max(${sessions.lastActiveAt}, ${placeholder("now")})`,
        })
        .where(byId)
        .returning()
        .prepare(),
    // A client of the former owner does not take it away any more.
    give: () =>
      db
        .update(sessions)
        .set({
          owner: sql`${placeholder("owner")}`,
          name: sql`${placeholder("name")}`,
          openedBy: null,
        })
        .where(byId)
        .returning()
        .prepare(),
    delete: () => db.delete(sessions).where(byId).prepare(),
    deleteEmpty: () =>
      db
        .delete(sessions)
        .where(
          and(
            byId,
            sql`not exists (select 1 from messages where session_id = ${placeholder("id")})
            and not exists (select 1 from session_state where session_id = ${placeholder("id")})`,
          ),
        )
        .prepare(),
    deleteByName: () => db.delete(sessions).where(byName).prepare(),
    clearHistory: () =>
      db
        .delete(messages)
        .where(eq(messages.sessionId, placeholder("id")))
        .prepare(),
    /** Of which a title may be made. */
    opening: () =>
      db
        .select({ content: messages.content })
        .from(messages)
        .where(
          sql`${messages.sessionId} = ${placeholder("id")} and ${messages.role} = 'user' and ${messages.seq} <= ${FIRST_TURN}`,
        )
        .prepare(),
    dropTitle: () =>
      db
        .update(sessions)
        .set({ title: null })
        .where(
          sql`${sessions.id} = ${placeholder("id")} and ${sessions.title} = ${placeholder("title")}`,
        )
        .prepare(),
    clearSummary: () =>
      db
        .delete(summaries)
        .where(eq(summaries.sessionId, placeholder("id")))
        .prepare(),
    clearState: () =>
      db
        .delete(sessionState)
        .where(eq(sessionState.sessionId, placeholder("id")))
        .prepare(),
    counts: () => db.select(counts).from(sessions).where(byId).prepare(),
    countOf: () => count(owned),
    countLiving: () => count(and(owned, sessionAlive)),
    anyGrant: () =>
      db
        .select({ id: grants.sessionId })
        .from(grants)
        .where(eq(grants.principal, placeholder("owner")))
        .limit(1)
        .prepare(),
    listOwn: () => list(owned),
    listShared: () => list(shared),
    total: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(seen, sessionAlive))
        .prepare(),
    listEverybodys: () => list(sql`true`),
    touch: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: sql`max(${sessions.lastActiveAt}, ${placeholder("at")})` })
        .where(and(byId, ne(sessions.lastActiveAt, HIDDEN)))
        .prepare(),
    run: () =>
      db
        .insert(runningSessions)
        .select(
          sql`select sessions.id, instances.id from sessions, instances
          where sessions.id = ${placeholder("id")} and instances.id = ${placeholder("instanceId")}`,
        )
        .onConflictDoNothing()
        .prepare(),
    rest: () =>
      db
        .delete(runningSessions)
        .where(
          and(
            eq(runningSessions.sessionId, placeholder("id")),
            eq(runningSessions.instanceId, placeholder("instanceId")),
          ),
        )
        .prepare(),
    trimExpired: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select messages.id from sessions join messages on messages.session_id = sessions.id
          where ${sessionExpired} limit ${placeholder("limit")})`,
        )
        .prepare(),
  });

  const findById = (id: string): Session | undefined => {
    const times = engine.times();
    const row = cache.get(id, () => q.byId.get({ id }));
    if (row === undefined) return undefined;
    // An old one may still be in use: only the tables know.
    const { pinned, lastActiveAt, keepMs } = row;
    const fresh =
      pinned || lastActiveAt > Math.max(times.oldest, keepMs === null ? 0 : times.passed - keepMs);
    return fresh ? { ...row } : q.aliveById.get({ ...times, id });
  };

  /** Takes the name from a session that has expired; false when a living one has it. */
  const freeName = (owner: string, name: string): boolean => {
    if (q.findByName.get({ ...engine.times(), owner, name }) !== undefined) return false;
    if (q.deleteByName.run({ owner, name }).changes > 0) forgetAll();
    return true;
  };

  const expiring = sqliteExpiring(
    engine,
    sessions,
    sessionExpired,
    () => engine.times(),
    forgetAll,
  );
  return {
    findById: (id) => engine.readNow(() => findById(id)),

    find: (owner, ref) =>
      engine.readNow(() => {
        if ("name" in ref) return q.findByName.get({ ...engine.times(), owner, name: ref.name });
        const session = findById(ref.id);
        return session?.owner === owner ? session : undefined;
      }),

    ...shares.methods,

    async create({ id, owner, ...given }, max = Infinity, by) {
      const make = (attempt: number) => {
        writes.credentials(by);
        const { name = null } = given;
        const times = engine.times();
        const same = q.aliveById.get({ ...times, id });
        if (same !== undefined && same.owner !== owner)
          throw new AppError("not_found", "No such session.");
        const living =
          same ?? (name === null ? undefined : q.findByName.get({ ...times, owner, name }));
        if (living !== undefined) return { session: living, created: false };
        // A client's own session has the same id again.
        if (attempt === 1 && shrink.isHidden(id) && shrink.isLarge(id)) return undefined;
        // What is left under this id or name has expired: it goes now, as the cleanup job would have done.
        q.delete.run({ id });
        if (name !== null) q.deleteByName.run({ owner, name });
        forgetAll();
        // The quick count is enough nearly always.
        if (q.countOf.get({ owner })!.n >= max && q.countLiving.get({ ...times, owner })!.n >= max)
          throw new AppError("limit", `You have ${max} sessions: delete some first.`, {
            hint: "The setting max-sessions allows more.",
          });
        const row = { ...BLANK, ...withoutUndefined(given), id, owner, now: times.now };
        const session = q.insert.get(row);
        usage.checkSession(id);
        return { session, created: true };
      };
      for (let attempt = 1; ; attempt += 1) {
        const made = await engine.write(() => make(attempt));
        if (made !== undefined) return made;
        await shrink.purge(id);
      }
    },

    update: (id, changes, by) =>
      engine.write(() => {
        writes.modify(by, id);
        const times = engine.times();
        const current = q.aliveById.get({ ...times, id });
        if (current === undefined) throw new AppError("not_found", "No such session.");
        const { name, title, system, pinned }: Session = {
          ...current,
          ...withoutUndefined(changes),
        };
        if (name !== null && name !== current.name && !freeName(current.owner, name))
          throw new AppError("conflict", `Another session has the name ${JSON.stringify(name)}.`);
        cache.delete(id);
        const row = { id, name, title, system, pinned: pinned ? 1 : 0, now: times.now };
        const updated = q.update.get(row);
        if (bytesOf(updated) > bytesOf(current)) usage.checkSession(id);
        return updated;
      }),

    async clear(id, what, by) {
      const opening = await engine.readNow(() => q.opening.all({ id }));
      await shrink.inPieces(id, what, () => writes.modify(by, id));
      await engine.free(() => {
        writes.modify(by, id);
        if (what !== "state") {
          for (const { content } of opening) q.dropTitle.run({ id, title: titleOf(content) ?? "" });
          cache.delete(id);
          q.clearHistory.run({ id });
          gaps.clear(id);
          q.clearSummary.run({ id });
        }
        if (what !== "history") q.clearState.run({ id });
        traces.forget(id);
        return true;
      });
    },

    give: (id, owner, max, by) =>
      engine.write(() => {
        writes.own(by, id);
        const times = engine.times();
        const current = q.aliveById.get({ ...times, id });
        if (current === undefined) throw new AppError("not_found", "No such session.");
        if (q.countLiving.get({ ...times, owner })!.n >= max)
          throw new AppError("limit", `${owner} has ${max} sessions already.`, {
            hint: "The setting max-sessions allows more.",
          });
        const named = current.name === null || freeName(owner, current.name);
        const session = q.give.get({ id, owner, name: named ? current.name : null });
        shares.remove(id, owner);
        usage.checkSession(id);
        // A trigger took the messages of the former owner out of the full-text index.
        if (current.owner !== owner)
          db.run(sql`insert into messages_fts(rowid, content, scope)
            select id, search_text(content), search_scope(session_id, ${owner})
            from messages where session_id = ${id}`);
        forgetAll();
        return { session, named };
      }),

    ...sqliteMessageDeletion(engine, writes),

    async delete(id, by) {
      let isLarge = false;
      await engine.free(() => {
        writes.own(by, id);
        isLarge = shrink.isLarge(id);
        if (isLarge) traces.forget(id); // as a trigger does with one that is deleted
        const existed = isLarge ? shrink.hide(id) : q.delete.run({ id }).changes > 0;
        forgetAll();
        return existed;
      });
      if (isLarge) void shrink.purge(id);
    },

    purged: () => shrink.purged(),

    deleteEmpty: (id) =>
      engine.free(() => {
        if (q.deleteEmpty.run({ id }).changes > 0) forgetAll();
      }),

    counts: (id, except = "") =>
      engine.readDurable(
        (): SessionCounts => q.counts.get({ ...engine.times(), id, except }) ?? NOTHING,
      ),

    list: (owner, { query = "", byId = false, limit, cursor }) =>
      engine.readDurable(() => {
        const [beforeTime, beforeId, isShared] =
          cursor === undefined ? START : decodeCursor("sessions", Position, cursor);
        const page = (statement: typeof q.listOwn, before: Position, limit: number) =>
          statement.all({
            ...engine.times(),
            owner: owner ?? "",
            query: query.toLowerCase(),
            byId: byId ? 1 : 0,
            beforeTime: before[0],
            beforeId: before[1],
            except: "",
            limit,
          });
        const from: Position = [beforeTime, beforeId];
        const wanted = limit + 1;
        const rows =
          isShared === undefined
            ? page(owner === undefined ? q.listEverybodys : q.listOwn, from, wanted)
            : [];
        // Others can share as much as they like: the principal's own come first.
        if (owner !== undefined && rows.length < wanted && q.anyGrant.get({ owner }) !== undefined)
          rows.push(
            ...page(q.listShared, isShared === undefined ? START : from, wanted - rows.length),
          );
        const found = rows.slice(0, limit);
        const last = found.at(-1);
        return rows.length > limit && last !== undefined
          ? { sessions: found, nextCursor: encodeCursor("sessions", positionOf(last, owner)) }
          : { sessions: found };
      }),

    total: (owner) => engine.readDurable(() => q.total.get({ ...engine.times(), owner })!.n),

    touch: (times) =>
      engine.write(() => {
        for (const [id, at] of times) {
          q.touch.run({ id, at });
          cache.delete(id);
        }
      }),

    changeRunning: (instanceId, { added, removed }) =>
      engine.writeRelaxed(() => {
        for (const id of added) q.run.run({ id, instanceId });
        for (const id of removed) q.rest.run({ id, instanceId });
      }),

    ...expiring,
    async deleteExpired(signal) {
      // Messages first, which makes the deletion of their sessions cheap.
      const trim = (limit: number) =>
        engine.free(() => q.trimExpired.run({ ...engine.times(), limit }).changes, {
          durable: false,
        });
      await inBatches(trim, signal);
      return expiring.deleteExpired(signal);
    },
  };
}

/** Bytes of the fields that an update may enlarge. */
const bytesOf = ({ name, title, system }: Session): number =>
  Buffer.byteLength(`${name ?? ""}${title ?? ""}${system ?? ""}`);

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
