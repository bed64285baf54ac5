// Sessions in PostgreSQL: finding and changing them. Not here: their creation and their end, lists, and what a session owns.
import { and, eq, sql } from "drizzle-orm";
import type { Session } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  bytesOfFields,
  nameTaken,
  noSuchSession,
  takerHasTooMany,
  withoutUndefined,
} from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { postgresMessageDeletion } from "../history/message-deletion.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import { searchIndex } from "../search/search-index.ts";
import { noTimeout } from "./no-timeout.ts";
import { postgresSessionActivity } from "./session-activity.ts";
import { postgresSessionCreation } from "./session-creation.ts";
import { postgresSessionList } from "./session-list.ts";
import { postgresSessionNames, sessionsOf } from "./session-names.ts";
import { postgresSessionRemoval } from "./session-removal.ts";
import { postgresShares } from "./share-rows.ts";

const { placeholder } = sql;

export function postgresSessionStore(
  engine: Engine,
  usage: Usage,
  writes: WriteAccess,
): SessionStore {
  const names = postgresSessionNames(engine);
  const shares = postgresShares(engine, usage, writes);
  const index = searchIndex(engine);
  const q = statementsOf(engine);

  const create = postgresSessionCreation(engine, usage, writes);

  const update: SessionStore["update"] = (id, changes, by) =>
    engine.writeIn(id, async () => {
      const times = engine.times();
      const [, current] = await Promise.all([
        writes.modify(by, id),
        q.aliveById.get({ ...times, id }),
      ]);
      if (current === undefined) throw noSuchSession();
      const changed: Session = { ...current, ...withoutUndefined(changes) };
      const { name, title, system, pinned } = changed;
      if (name !== null && name !== current.name && !(await names.free(current.owner, name)))
        throw nameTaken(name);
      const [updated] = await Promise.all([
        q.update.get({ id, name, title, system, pinned, now: times.now }),
        bytesOfFields(changed) > bytesOfFields(current) && usage.checkSession(id),
      ]);
      return updated!;
    });

  const give: SessionStore["give"] = (id, owner, max, by) =>
    engine.writeIn(id, async () => {
      const times = engine.times();
      const [, , current, count] = await Promise.all([
        engine.lock(sessionsOf(owner)),
        writes.own(by, id),
        q.aliveById.get({ ...times, id }),
        q.countLiving.get({ ...times, owner }),
        noTimeout(engine),
      ]);
      if (current === undefined) throw noSuchSession();
      if (count!.n >= max) throw takerHasTooMany(owner, max);
      const named = current.name === null || (await names.free(owner, current.name));
      const [session] = await Promise.all([
        q.give.get({ id, owner, name: named ? current.name : null }),
        shares.remove(id, owner),
        current.owner !== owner && index.moveWords(id, current.owner, owner),
        usage.checkSession(id),
      ]);
      return { session: session!, named };
    });

  return {
    findById: (id) =>
      engine.read(async () => {
        const ahead = await engine.ahead.take<Session | undefined>("session");
        return ahead?.id === id ? ahead : q.aliveById.get({ ...engine.times(), id });
      }),
    findByName: (owner, name) => engine.read(() => names.find(owner, name)),
    ...{ create, update, give },
    ...shares.methods,
    ...postgresSessionList(engine),
    ...postgresSessionActivity(engine),
    ...postgresSessionRemoval(engine, writes),
    ...postgresMessageDeletion(engine, writes),
  };
}

function statementsOf({ db }: Engine) {
  const byId = eq(sessions.id, placeholder("id"));
  const owned = eq(sessions.owner, placeholder("owner"));
  return prepared({
    aliveById: () => db.select().from(sessions).where(and(byId, sessionAlive)),
    update: () =>
      db
        .update(sessions)
        .set({
          name: sql`${placeholder("name")}`,
          title: sql`${placeholder("title")}`,
          system: sql`${placeholder("system")}`,
          pinned: sql`${placeholder("pinned")}`,
          lastActiveAt: sql`greatest(${sessions.lastActiveAt}, ${placeholder("now")})`,
        })
        .where(byId)
        .returning(),
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
        .returning(),
    countLiving: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessions)
        .where(and(owned, sessionAlive)),
  });
}
