// Activity of sessions: their last use, and the calls that run in them.
import { sql } from "drizzle-orm";
import type { SessionStore } from "../../../sessions/store.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { runningSessions, sessions } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresSessionActivity(
  engine: Engine,
): Pick<SessionStore, "touch" | "changeRunning"> {
  const { db } = engine;
  const ids = sql`${placeholder("ids")}::text[]`;
  const q = prepared({
    // In the order of the ids: two processes that touch the same sessions do not wait for each other in a circle.
    lock: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(sql`${sessions.id} = any(${ids})`)
        .orderBy(sessions.id)
        .for("no key update"),
    touch: () =>
      db
        .update(sessions)
        .set({ lastActiveAt: sql`used.at` })
        .from(sql`unnest(${ids}, ${placeholder("times")}::bigint[]) as used(id, at)`)
        .where(
          sql`sessions.id = used.id and sessions.last_active_at < used.at and sessions.last_active_at <> ${sql.raw(String(HIDDEN))}`,
        ),
    run: () =>
      db
        .insert(runningSessions)
        .select(
          sql`select sessions.id, instances.id from sessions, instances
          where sessions.id = any(${ids}) and instances.id = ${placeholder("instanceId")}
          order by sessions.id for key share`,
        )
        .onConflictDoNothing(),
    rest: () =>
      db
        .delete(runningSessions)
        .where(
          sql`${runningSessions.sessionId} = any(${ids}) and ${runningSessions.instanceId} = ${placeholder("instanceId")}`,
        ),
  });
  return {
    touch: (used) =>
      engine.write(async () => {
        const values = {
          ids: [...used.keys()],
          times: Array.from(used.values(), (at) => Math.floor(at)),
        };
        await Promise.all([q.lock.all(values), q.touch.run(values)]);
      }),

    changeRunning: (instanceId, { added, removed }) =>
      engine.inOrder(`running ${instanceId}`, () =>
        engine.writeRelaxed(async () => {
          await Promise.all([
            added.length > 0 && q.run.run({ ids: [...added], instanceId }),
            removed.length > 0 && q.rest.run({ ids: [...removed], instanceId }),
          ]);
        }),
      ),
  };
}
