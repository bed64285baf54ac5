// Sessions of browsers and one-time links in SQLite.
import { and, desc, eq, gt, lte, ne, sql } from "drizzle-orm";
import type { BrowserSessionStore } from "../../../auth/browser-sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { browserSessions } from "../schema/schema.ts";
import { passkeyCheck } from "./passkey-store.ts";

const { placeholder } = sql;

export function sqliteBrowserSessionStore(engine: Engine): BrowserSessionStore {
  const { db, clock } = engine;
  const hasPasskey = passkeyCheck(engine);
  const byHash = eq(browserSessions.hash, placeholder("hash"));
  const valid = gt(browserSessions.expiresAt, placeholder("now"));
  const q = lazily({
    find: () => db.select().from(browserSessions).where(and(byHash, valid)).prepare(),
    remove: () => db.delete(browserSessions).where(byHash).prepare(),
    redeem: () =>
      db
        .update(browserSessions)
        .set({
          hash: sql`${placeholder("to")}`,
          kind: "session",
          createdAt: sql`${placeholder("createdAt")}`,
          expiresAt: sql`${placeholder("expiresAt")}`,
        })
        .where(and(byHash, valid, eq(browserSessions.kind, "link")))
        .prepare(),
    newestFirst: () =>
      db
        .select()
        .from(browserSessions)
        .where(eq(browserSessions.principal, placeholder("principal")))
        .orderBy(desc(browserSessions.createdAt), desc(sql`rowid`))
        .prepare(),
    removeOthers: () =>
      db
        .delete(browserSessions)
        .where(
          and(
            eq(browserSessions.principal, placeholder("principal")),
            ne(browserSessions.hash, placeholder("hash")),
          ),
        )
        .prepare(),
  });
  return {
    create: (session, max) =>
      engine.write(() => {
        const { principal, passkeyId } = session;
        if (!hasPasskey(passkeyId)) return false;
        db.insert(browserSessions)
          .values({ ...session, hash: Buffer.from(session.hash) })
          .run();
        for (const { hash } of q.newestFirst.all({ principal }).slice(max)) q.remove.run({ hash });
        return true;
      }),
    find: (hash) => engine.readNow(() => q.find.get({ hash: Buffer.from(hash), now: clock.now() })),
    redeem: (link, { hash, createdAt, expiresAt }) =>
      engine.write(
        () =>
          q.redeem.run({
            hash: Buffer.from(link),
            to: Buffer.from(hash),
            now: clock.now(),
            createdAt,
            expiresAt,
          }).changes === 1,
      ),
    list: (principal) =>
      engine.readDurable(() => {
        const now = clock.now();
        return q.newestFirst
          .all({ principal })
          .filter(({ kind, expiresAt }) => kind === "session" && expiresAt > now);
      }),
    deleteOthers: (principal, kept) =>
      engine.free(() => q.removeOthers.run({ principal, hash: Buffer.from(kept) }).changes),
    delete: (hash) => engine.free(() => void q.remove.run({ hash: Buffer.from(hash) })),
    ...sqliteExpiring(
      engine,
      browserSessions,
      lte(browserSessions.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}
