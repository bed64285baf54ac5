// Checks a principal's right to write to a session, inside the write, so that the end of a right counts at once. The rows are
// mostly in memory.
import { and, eq, sql } from "drizzle-orm";
import type { Credentials, Principal } from "../../../auth/principal.ts";
import { accessOf, checkModify, checkOwn } from "../../../sessions/access.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import { checkCredentialsHold, runLost, sharedNoLonger } from "../../shared/sessions.ts";
import { heldTask } from "../../shared/tasks.ts";
import { apiKeys, grants, oauthGrants, passkeys, sessions, tasks } from "../schema/schema.ts";
import type { Engine } from "./engine.ts";
import { lazily } from "./statements.ts";

const { placeholder } = sql;

/** Checks to be called inside a write; without a principal for the program itself. */
export type WriteAccess = ReturnType<typeof sqliteWriteAccess>;

export function sqliteWriteAccess(engine: Engine) {
  const { db, cached, clock } = engine;
  const q = lazily({
    session: () =>
      db
        .select()
        .from(sessions)
        .where(eq(sessions.id, placeholder("id")))
        .prepare(),
    key: () =>
      db
        .select()
        .from(apiKeys)
        .where(eq(apiKeys.id, placeholder("id")))
        .prepare(),
    oauthGrant: () =>
      db
        .select({ expiresAt: oauthGrants.expiresAt })
        .from(oauthGrants)
        .where(eq(oauthGrants.id, placeholder("id")))
        .prepare(),
    passkey: () =>
      db
        .select({ id: passkeys.id })
        .from(passkeys)
        .where(eq(passkeys.id, placeholder("id")))
        .prepare(),
    run: () => db.select({ id: tasks.id }).from(tasks).where(heldTask).prepare(),
    granted: () =>
      db
        .select({ access: grants.access })
        .from(grants)
        .where(
          and(
            eq(grants.sessionId, placeholder("sessionId")),
            eq(grants.principal, placeholder("principal")),
          ),
        )
        .prepare(),
  });

  /** @throws AppError `forbidden` for credentials that have ended, `interrupted` for a run that has lost its task */
  const checkCredentials = (by: Principal): void => {
    const credentials: Partial<Credentials> = by.credentials ?? {};
    const { key: id, passkey, grant } = credentials;
    const rows = {
      key: id === undefined ? undefined : cached.apiKeys.get(id, () => q.key.get({ id })),
      passkey: passkey === undefined ? undefined : q.passkey.get({ id: passkey }),
      grant: grant === undefined ? undefined : q.oauthGrant.get({ id: grant }),
    };
    checkCredentialsHold(credentials, rows, clock.now());
    if (by.run !== undefined && q.run.get({ ...by.run }) === undefined) throw runLost();
  };

  const check = (by: Principal, sessionId: string, need: typeof checkModify): void => {
    checkCredentials(by);
    const session = cached.sessions.get(sessionId, () => q.session.get({ id: sessionId }));
    if (session === undefined && need !== mayRead) return; // the write itself finds out
    if (session === undefined || session.lastActiveAt === HIDDEN) throw sharedNoLonger();
    const principal = by.id;
    const isOwner = session.owner === principal;
    const granted = isOwner ? undefined : q.granted.get({ sessionId, principal })?.access;
    const access = accessOf(by, session.owner, granted);
    if (access === undefined) throw sharedNoLonger();
    need({ access });
  };

  return {
    /** @throws AppError `forbidden` */
    credentials: (by: Principal | undefined): void => {
      if (by !== undefined) checkCredentials(by);
    },
    /** Checks the right to read, for a write elsewhere. @throws AppError `forbidden` or `not_found` */
    read: (by: Principal, sessionId: string): void => check(by, sessionId, mayRead),
    /** @throws AppError `forbidden` or `not_found` */
    modify: (by: Principal | undefined, sessionId: string): void => {
      if (by !== undefined) check(by, sessionId, checkModify);
    },
    /** @throws AppError `forbidden` or `not_found` */
    own: (by: Principal | undefined, sessionId: string): void => {
      if (by !== undefined) check(by, sessionId, checkOwn);
    },
  };
}

/** Allows any access. */
const mayRead = (): void => undefined;
