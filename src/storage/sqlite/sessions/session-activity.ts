// Activity of sessions: their last use, and the calls that run in them.
import { and, eq, ne, sql } from "drizzle-orm";
import type { SessionStore } from "../../../sessions/store.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { runningSessions, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteSessionActivity(
  engine: Engine,
): Pick<SessionStore, "touch" | "changeRunning"> {
  const { db } = engine;
  const cache = engine.cached.sessions;
  const byId = eq(sessions.id, placeholder("id"));
  const q = lazily({
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
  });
  return {
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
  };
}
