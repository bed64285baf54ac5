// The creation of sessions: a living session of the same id or name is returned, an expired one goes.
import { and, eq, getTableColumns, or, type SQL, sql } from "drizzle-orm";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  BLANK_SESSION,
  noSuchSession,
  withoutUndefined,
  youHaveTooMany,
} from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import { sessionsOf } from "./session-names.ts";

const { placeholder } = sql;

/**
 * So close to the limit, an owner's creations follow each other, as one does not see those at the same time. More than so many are
 * assumed never to be under way at once.
 */
const CLOSE = 1_000;

export function postgresSessionCreation(
  engine: Engine,
  usage: Usage,
  writes: WriteAccess,
): SessionStore["create"] {
  const q = statementsOf(engine);

  /** Sessions of this id or name: the living one, and the ids of those that have expired. */
  const look = async (given: { id: string; owner: string; name: string | null }) => {
    const rows = await q.there.all({ ...engine.times(), ...given });
    const [same] = rows.filter(({ alive, id }) => alive && id === given.id);
    if (same !== undefined && same.owner !== given.owner) throw noSuchSession();
    const { alive: _, ...living } = same ?? rows.find(({ alive }) => alive) ?? { alive: false };
    return { living: "id" in living ? living : undefined, ids: rows.map(({ id }) => id) };
  };

  /** Far from `max`, creations do not wait for each other. */
  const isClose = async (owner: string, max: number): Promise<boolean> =>
    max !== Infinity && (await engine.read(() => q.countOf.get({ owner })))!.n > max - CLOSE;

  /** Inside a write that has locked the owner's sessions. @throws AppError `limit` */
  const checkCount = async (owner: string, max: number): Promise<void> => {
    // The quick count is enough nearly always.
    if ((await q.countOf.get({ owner }))!.n < max) return;
    const living = await q.countLiving.get({ ...engine.times(), owner });
    if (living!.n >= max) throw youHaveTooMany(max);
  };

  return async (session, max = Infinity, by) => {
    const { id, owner, ...given } = session;
    const wanted = { id, owner, name: given.name ?? null };
    const lock = (): Promise<void> => engine.lock(sessionsOf(owner));
    const make = async (alone: boolean): ReturnType<SessionStore["create"]> => {
      const [, , there] = await Promise.all([
        writes.credentials(by),
        alone && lock(),
        look(wanted),
      ]);
      if (there.living !== undefined) return { session: there.living, created: false };
      if (there.ids.length > 0) {
        // Locked first: an expired one can come back to life until then.
        const [, , { living }] = await Promise.all([
          lock(),
          q.lock.all({ ids: there.ids }),
          look(wanted),
        ]);
        if (living !== undefined) return { session: living, created: false };
        // What is left under this id or name goes now, as the cleanup job would have done.
        await q.deleteAll.run({ ids: there.ids });
      }
      if (alone) await checkCount(owner, max);
      const row = { ...BLANK_SESSION, ...withoutUndefined(given), id, owner };
      const [made] = await Promise.all([
        q.insert.get({ ...row, now: engine.clock.now() }),
        usage.checkSession(id),
      ]);
      return { session: made!, created: true };
    };
    return (await isClose(owner, max))
      ? engine.inOrder(sessionsOf(owner), () => engine.write(() => make(true)))
      : engine.share(sessionsOf(owner), () => make(false));
  };
}

function statementsOf({ db }: Engine) {
  const owned = eq(sessions.owner, placeholder("owner"));
  const ofIds = sql`${sessions.id} = any(${placeholder("ids")}::text[])`;
  const count = (which: SQL | undefined) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(sessions)
      .where(which);
  return prepared({
    there: () =>
      db
        .select({ ...getTableColumns(sessions), alive: sql<boolean>`${sessionAlive}` })
        .from(sessions)
        .where(
          or(
            eq(sessions.id, placeholder("id")),
            and(owned, eq(sessions.name, placeholder("name"))),
          ),
        ),
    lock: () =>
      db.select({ id: sessions.id }).from(sessions).where(ofIds).orderBy(sessions.id).for("update"),
    deleteAll: () => db.delete(sessions).where(ofIds),
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
        .returning(),
    countOf: () => count(owned),
    countLiving: () => count(and(owned, sessionAlive)),
  });
}
