// Checks a principal's right to write to a session, inside the write, so that the end of a right counts at once. The check
// locks the session's row: writes to one session follow each other.
import { and, eq, sql } from "drizzle-orm";
import type { Credentials, Principal } from "../../../auth/principal.ts";
import { accessOf, checkModify, checkOwn } from "../../../sessions/access.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import { checkCredentialsHold, runLost, sharedNoLonger } from "../../shared/sessions.ts";
import { heldTask } from "../../shared/tasks.ts";
import { apiKeys, grants, oauthGrants, passkeys, sessions, tasks } from "../schema/schema.ts";
import type { Engine } from "./engine.ts";
import { prepared, together } from "./statements.ts";

const { placeholder } = sql;

/** Columns of a session's row, and of what it grants a principal. */
const right = {
  owner: sql<string>`owner`,
  lastActiveAt: sql<number>`last_active_at`,
  access: sql<(typeof grants.$inferSelect)["access"] | null>`access`,
};

/** Checks to be called first inside a write; without a principal for the program itself. */
export type WriteAccess = ReturnType<typeof postgresWriteAccess>;

export function postgresWriteAccess(engine: Engine) {
  const { clock } = engine;
  const q = statements(engine);

  /** @throws AppError `forbidden` for credentials that have ended, `interrupted` for a run that has lost its task */
  const checkCredentials = async (by: Principal): Promise<void> => {
    const credentials: Partial<Credentials> = by.credentials ?? {};
    const { key, passkey, grant } = credentials;
    const [keyRow, passkeyRow, grantRow, run] = await Promise.all([
      key === undefined ? nothing : q.key.get({ id: key }),
      passkey === undefined ? nothing : q.passkey.get({ id: passkey }),
      grant === undefined ? nothing : q.oauthGrant.get({ id: grant }),
      by.run === undefined ? nothing : q.run.get({ ...by.run }),
    ]);
    checkCredentialsHold(
      credentials,
      { key: keyRow, passkey: passkeyRow, grant: grantRow },
      clock.now(),
    );
    if (by.run !== undefined && run === undefined) throw runLost();
  };

  const check = async (
    by: Principal,
    sessionId: string,
    need: typeof checkModify,
  ): Promise<void> => {
    const principal = by.id;
    // Sent at once: one way to the database and back.
    const [session] = await Promise.all([
      // First: a deletion of the session, which takes its tasks with it, locks in this order, too.
      (need === mayRead ? q.allowed : q.locked).get({ sessionId, principal }),
      checkCredentials(by),
    ]);
    if (session === undefined && need !== mayRead) return; // the write itself finds out
    if (session === undefined || session.lastActiveAt === HIDDEN) throw sharedNoLonger();
    const access = accessOf(by, session.owner, session.access ?? undefined);
    if (access === undefined) throw sharedNoLonger();
    need({ access });
  };

  const lock = async (sessionId: string): Promise<void> => void (await q.lock.get({ sessionId }));

  return {
    /** Locks the session's row without a check. */
    lock,
    /** @throws AppError `forbidden` */
    credentials: async (by: Principal | undefined): Promise<void> => {
      if (by !== undefined) await checkCredentials(by);
    },
    /** Checks the right to read, for a write elsewhere. @throws AppError `forbidden` or `not_found` */
    read: (by: Principal, sessionId: string): Promise<void> => check(by, sessionId, mayRead),
    /** @throws AppError `forbidden` or `not_found` */
    modify: (by: Principal | undefined, sessionId: string): Promise<void> =>
      by === undefined ? lock(sessionId) : check(by, sessionId, checkModify),
    /** @throws AppError `forbidden` or `not_found` */
    own: (by: Principal | undefined, sessionId: string): Promise<void> =>
      by === undefined ? lock(sessionId) : check(by, sessionId, checkOwn),
  };
}

const nothing = Promise.resolve(undefined);

/** Allows any access. */
const mayRead = (): void => undefined;

function statements({ db }: Engine) {
  const byId = eq(sessions.id, placeholder("sessionId"));
  return prepared({
    // Not against rows that only refer to the session.
    lock: () => db.select({ id: sessions.id }).from(sessions).where(byId).for("no key update"),
    key: together({ id: "text" }, () =>
      db
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.id, placeholder("id"))),
    ),
    oauthGrant: together({ id: "text" }, () =>
      db
        .select({ expiresAt: oauthGrants.expiresAt })
        .from(oauthGrants)
        .where(eq(oauthGrants.id, placeholder("id"))),
    ),
    passkey: together({ id: "text" }, () =>
      db
        .select({ id: passkeys.id })
        .from(passkeys)
        .where(eq(passkeys.id, placeholder("id"))),
    ),
    // Whoever takes the task over waits for the end of the write.
    run: () => db.select({ id: tasks.id }).from(tasks).where(heldTask).for("share"),
    /** Locks a session, and reads whose it is and what it grants the principal. */
    locked: together({ sessionId: "text", principal: "text" }, () =>
      db
        .select(right)
        .from(sql`lock_session(${placeholder("sessionId")}, ${placeholder("principal")})`),
    ),
    /** The same without a lock. */
    allowed: () =>
      db
        .select({ ...right, access: grants.access })
        .from(sessions)
        .leftJoin(
          grants,
          and(eq(grants.sessionId, sessions.id), eq(grants.principal, placeholder("principal"))),
        )
        .where(byId),
  });
}
