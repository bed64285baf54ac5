// Sessions in SQLite: finding, creating and changing them. Not here: what a session owns, lists, and the end of sessions.
import { and, eq, type SQL, sql } from "drizzle-orm";
import type { Session } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  BLANK_SESSION,
  bytesOfFields,
  nameTaken,
  noSuchSession,
  takerHasTooMany,
  withoutUndefined,
  youHaveTooMany,
} from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { sqliteMessageDeletion } from "../history/message-deletion.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import { sqliteSessionActivity } from "./session-activity.ts";
import { sqliteSessionList } from "./session-list.ts";
import { sqliteSessionRemoval } from "./session-removal.ts";
import { sqliteShares } from "./share-rows.ts";
import type { Shrink } from "./shrink.ts";

const { placeholder } = sql;

export function sqliteSessionStore(
  engine: Engine,
  usage: Usage,
  writes: WriteAccess,
  shrink: Shrink,
): SessionStore {
  const { db } = engine;
  const cache = engine.cached.sessions;
  const byId = eq(sessions.id, placeholder("id"));
  const byName = and(
    eq(sessions.owner, placeholder("owner")),
    eq(sessions.name, placeholder("name")),
  );
  const owned = eq(sessions.owner, placeholder("owner"));

  const shares = sqliteShares(engine, usage, writes);

  const count = (which: SQL | undefined) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(sessions)
      .where(which)
      .prepare();

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
    idByName: () => db.select({ id: sessions.id }).from(sessions).where(byName).prepare(),
    countOf: () => count(owned),
    countLiving: () => count(and(owned, sessionAlive)),
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

  /** Deletes an expired session of that name; false when a living one has it. */
  const freeName = (owner: string, name: string): boolean => {
    if (q.findByName.get({ ...engine.times(), owner, name }) !== undefined) return false;
    const expired = q.idByName.get({ owner, name });
    if (expired !== undefined) shrink.remove(expired.id);
    return true;
  };

  return {
    findById: (id) => engine.readNow(() => findById(id)),

    findByName: (owner, name) =>
      engine.readNow(() => q.findByName.get({ ...engine.times(), owner, name })),

    ...shares.methods,
    ...sqliteSessionList(engine),
    ...sqliteSessionActivity(engine),
    ...sqliteSessionRemoval(engine, shrink, writes),

    async create({ id, owner, ...given }, max = Infinity, by) {
      const make = (attempt: number) => {
        writes.credentials(by);
        const { name = null } = given;
        const times = engine.times();
        const same = q.aliveById.get({ ...times, id });
        if (same !== undefined && same.owner !== owner) throw noSuchSession();
        const living =
          same ?? (name === null ? undefined : q.findByName.get({ ...times, owner, name }));
        if (living !== undefined) return { session: living, created: false };
        // A client's own session has the same id again.
        if (attempt === 1 && shrink.isInTheWay(id)) return undefined;
        // A session that is left under this id or name has expired: delete it, as the cleanup would.
        shrink.remove(id, { whole: true });
        if (name !== null) freeName(owner, name);
        // The quick count is enough nearly always.
        if (q.countOf.get({ owner })!.n >= max && q.countLiving.get({ ...times, owner })!.n >= max)
          throw youHaveTooMany(max);
        const row = { ...BLANK_SESSION, ...withoutUndefined(given), id, owner, now: times.now };
        const session = q.insert.get(row);
        usage.checkSession(id);
        return { session, created: true };
      };
      for (let attempt = 1; ; attempt += 1) {
        const made = await engine.write(() => make(attempt));
        if (made !== undefined) return made;
        await shrink.vacate(id);
      }
    },

    update: (id, changes, by) =>
      engine.write(() => {
        writes.modify(by, id);
        const times = engine.times();
        const current = q.aliveById.get({ ...times, id });
        if (current === undefined) throw noSuchSession();
        const { name, title, system, pinned }: Session = {
          ...current,
          ...withoutUndefined(changes),
        };
        if (name !== null && name !== current.name && !freeName(current.owner, name))
          throw nameTaken(name);
        cache.delete(id);
        const row = { id, name, title, system, pinned: pinned ? 1 : 0, now: times.now };
        const updated = q.update.get(row);
        if (bytesOfFields(updated) > bytesOfFields(current)) usage.checkSession(id);
        return updated;
      }),

    give: (id, owner, max, by) =>
      engine.write(() => {
        writes.own(by, id);
        const times = engine.times();
        const current = q.aliveById.get({ ...times, id });
        if (current === undefined) throw noSuchSession();
        if (q.countLiving.get({ ...times, owner })!.n >= max) throw takerHasTooMany(owner, max);
        const named = current.name === null || freeName(owner, current.name);
        const session = q.give.get({ id, owner, name: named ? current.name : null });
        shares.remove(id, owner);
        usage.checkSession(id);
        // A trigger took the messages of the former owner out of the full-text index.
        if (current.owner !== owner)
          db.run(sql`insert into messages_fts(rowid, content, scope)
            select id, search_text(content), search_scope(session_id, ${owner})
            from messages where session_id = ${id}`);
        cache.clear();
        engine.cached.clients.clear();
        return { session, named };
      }),

    ...sqliteMessageDeletion(engine, writes),
  };
}
