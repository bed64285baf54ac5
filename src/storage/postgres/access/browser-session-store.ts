// Sessions of browsers and one-time links in PostgreSQL.
import { and, desc, eq, gt, lte, ne, sql } from "drizzle-orm";
import type { BrowserSessionStore } from "../../../auth/browser-sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { browserSessions } from "../schema/schema.ts";
import { passkeyCheck } from "./passkey-store.ts";

const { placeholder } = sql;

export function postgresBrowserSessionStore(engine: Engine): BrowserSessionStore {
  const { db, clock } = engine;
  const hasPasskey = passkeyCheck(engine);
  const byHash = eq(browserSessions.hash, placeholder("hash"));
  const valid = gt(browserSessions.expiresAt, placeholder("now"));
  const q = prepared({
    find: () => db.select().from(browserSessions).where(and(byHash, valid)),
    remove: () => db.delete(browserSessions).where(byHash),
    redeem: () =>
      db
        .update(browserSessions)
        .set({
          hash: sql`${placeholder("to")}`,
          kind: "session",
          createdAt: sql`${placeholder("createdAt")}`,
          expiresAt: sql`${placeholder("expiresAt")}`,
        })
        .where(and(byHash, valid, eq(browserSessions.kind, "link"))),
    list: () =>
      db
        .select()
        .from(browserSessions)
        .where(
          and(
            eq(browserSessions.principal, placeholder("principal")),
            eq(browserSessions.kind, "session"),
            valid,
          ),
        )
        .orderBy(desc(browserSessions.createdAt)),
    removeOthers: () =>
      db
        .delete(browserSessions)
        .where(
          and(
            eq(browserSessions.principal, placeholder("principal")),
            ne(browserSessions.hash, placeholder("hash")),
          ),
        ),
    // Of those made at one moment, the one just made stays.
    makeRoom: () =>
      db.delete(browserSessions).where(
        sql`${browserSessions.hash} = any(array(select hash from browser_sessions where principal = ${placeholder("principal")}
          order by created_at desc, hash = ${placeholder("hash")} desc, hash offset ${placeholder("max")}::bigint))`,
      ),
  });
  return {
    create: (session, max) =>
      engine.write(async () => {
        const { principal, passkeyId } = session;
        if (!(await hasPasskey(passkeyId))) return false;
        const hash = Buffer.from(session.hash);
        await engine.lock(`browser sessions of ${principal}`);
        await db.insert(browserSessions).values({ ...session, hash });
        await q.makeRoom.run({ principal, hash, max });
        return true;
      }),
    find: (hash) => engine.read(() => q.find.get({ hash: Buffer.from(hash), now: clock.now() })),
    redeem: (link, { hash, createdAt, expiresAt }) =>
      engine.write(async () => {
        const values = { hash: Buffer.from(link), to: Buffer.from(hash), now: clock.now() };
        return (await q.redeem.run({ ...values, createdAt, expiresAt })).changes === 1;
      }),
    list: (principal) => engine.read(() => q.list.all({ principal, now: clock.now() })),
    deleteOthers: (principal, kept) =>
      engine.write(
        async () => (await q.removeOthers.run({ principal, hash: Buffer.from(kept) })).changes,
      ),
    delete: (hash) =>
      engine.write(async () => void (await q.remove.run({ hash: Buffer.from(hash) }))),
    ...postgresExpiring(
      engine,
      browserSessions,
      lte(browserSessions.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}
