// Names of sessions, each used once by an owner. The name of an expired session is free.
import { and, eq, sql } from "drizzle-orm";
import type { Session } from "../../../sessions/session.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import type { SessionAhead } from "../engine/read-ahead.ts";
import { prepared } from "../engine/statements.ts";
import { sessions } from "../schema/schema.ts";

const { placeholder } = sql;

/** The lock on an owner's number of sessions. */
export const sessionsOf = (owner: string): string => `sessions of ${owner}`;

export function postgresSessionNames(engine: Engine) {
  const { db } = engine;
  const byName = and(
    eq(sessions.owner, placeholder("owner")),
    eq(sessions.name, placeholder("name")),
  );
  const q = prepared({
    find: () => db.select().from(sessions).where(and(byName, sessionAlive)),
    lock: () => db.select({ id: sessions.id }).from(sessions).where(byName).for("update"),
    delete: () => db.delete(sessions).where(byName),
  });
  return {
    async find(owner: string, name: string): Promise<Session | undefined> {
      const ahead = (await engine.ahead.take<SessionAhead | undefined>("session"))?.session;
      return ahead?.owner === owner && ahead.name === name
        ? ahead
        : q.find.get({ ...engine.times(), owner, name });
    },

    /** Inside a write: takes the name from a session that has expired; false when a living one has it. */
    async free(owner: string, name: string): Promise<boolean> {
      // Locked first: an expired one can come back to life until then.
      const [there, living] = await Promise.all([
        q.lock.get({ owner, name }),
        q.find.get({ ...engine.times(), owner, name }),
      ]);
      if (living !== undefined) return false;
      if (there !== undefined) await q.delete.run({ owner, name });
      return true;
    },
  };
}
