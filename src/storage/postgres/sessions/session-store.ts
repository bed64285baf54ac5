// Sessions in PostgreSQL: finding and changing them. Not here: their creation and their end, lists, and what a session owns.
import { and, eq, sql } from "drizzle-orm";
import type { Session } from "../../../sessions/session.ts";
import type { SessionStore } from "../../../sessions/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import {
  bytesOfFields,
  nameTaken,
  noSuchSession,
  withoutUndefined,
} from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import type { SessionAhead } from "../engine/read-ahead.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import { postgresMessageDeletion } from "../history/message-deletion.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions } from "../schema/schema.ts";
import { Gifts } from "./gifts.ts";
import { postgresSessionActivity } from "./session-activity.ts";
import { postgresSessionCreation } from "./session-creation.ts";
import { postgresSessionList } from "./session-list.ts";
import { postgresSessionNames } from "./session-names.ts";
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
  const gifts = new Gifts(engine, { usage, writes, names }, (id, owner) =>
    shares.remove(id, owner),
  );
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

  return {
    findById: (id) =>
      engine.read(async () => {
        const ahead = await engine.ahead.take<SessionAhead | undefined>("session");
        return ahead?.id === id ? ahead.session : q.aliveById.get({ ...engine.times(), id });
      }),
    findByName: (owner, name) => engine.read(() => names.find(owner, name)),
    ...{ create, update },
    give: (id, owner, max, by) => gifts.give(id, owner, max, by),
    ...shares.methods,
    ...postgresSessionList(engine),
    ...postgresSessionActivity(engine),
    ...postgresSessionRemoval(engine, writes),
    ...postgresMessageDeletion(engine, writes),
  };
}

function statementsOf({ db }: Engine) {
  const byId = eq(sessions.id, placeholder("id"));
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
  });
}
