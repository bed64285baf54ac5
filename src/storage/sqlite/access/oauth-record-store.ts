// Tokens, codes and sign-ins under way of the authorization server, in SQLite.
import { and, eq, gt, gte, inArray, isNull, lte, min, ne, sql } from "drizzle-orm";
import type { OAuthRecordStore } from "../../../oauth/store.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { oauthGrants, oauthKeys, oauthRecords } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteOAuthRecordStore(engine: Engine): OAuthRecordStore {
  const { db, clock } = engine;
  const q = statements(engine);
  return {
    save: ({ kind, hash, grantId, payload, expiresAt }, max) =>
      engine.write(() => {
        const now = clock.now();
        if (grantId !== null && q.useGrant.run({ grantId, now, expiresAt }).changes === 0)
          return false;
        db.insert(oauthRecords)
          .values({ kind, hash: Buffer.from(hash), grantId, payload, expiresAt })
          .onConflictDoUpdate({
            target: [oauthRecords.kind, oauthRecords.hash],
            set: { payload, expiresAt },
          })
          .run();
        if (max !== undefined) q.makeRoom.run({ kind, max });
        return true;
      }),
    find: (kind, hash) =>
      engine.readNow(() => q.find.get({ kind, hash: Buffer.from(hash), now: clock.now() })),
    consume: (kind, hash) =>
      engine.write(
        () => q.consume.run({ kind, hash: Buffer.from(hash), now: clock.now() }).changes === 1,
      ),
    delete: (kind, hash) => engine.free(() => void q.remove.run({ kind, hash: Buffer.from(hash) })),
    deleteOf: (kind, grantId) => engine.free(() => void q.removeOf.run({ kind, grantId })),
    firstUse: (grantId, { from, except }) =>
      engine.readNow(
        () => q.firstUse.get({ grantId, from, except: Buffer.from(except) })?.at ?? undefined,
      ),
    access: (hash) =>
      engine.readNow(() =>
        q.access.get({ kind: "AccessToken", hash: Buffer.from(hash), now: clock.now() }),
      ),
    signingKey: (candidate) =>
      engine.write(() => {
        db.insert(oauthKeys)
          .values({ id: 1, jwk: candidate, createdAt: clock.now() })
          .onConflictDoNothing()
          .run();
        return db.select().from(oauthKeys).get()!.jwk;
      }),
    ...sqliteExpiring(
      engine,
      oauthRecords,
      lte(oauthRecords.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}

function statements({ db }: Engine) {
  const ofKind = eq(oauthRecords.kind, placeholder("kind"));
  const byHash = and(ofKind, eq(oauthRecords.hash, placeholder("hash")));
  const valid = gt(oauthRecords.expiresAt, placeholder("now"));
  return lazily({
    useGrant: () =>
      db
        .update(oauthGrants)
        .set({
          lastUsedAt: sql`${placeholder("now")}`,
          expiresAt: sql`max(expires_at, ${placeholder("expiresAt")})`,
        })
        .where(
          and(
            eq(oauthGrants.id, placeholder("grantId")),
            gt(oauthGrants.expiresAt, placeholder("now")),
          ),
        )
        .prepare(),
    makeRoom: () =>
      db
        .delete(oauthRecords)
        .where(
          sql`rowid in (select rowid from oauth_records where kind = ${placeholder("kind")}
            order by expires_at desc, rowid desc limit -1 offset ${placeholder("max")})`,
        )
        .prepare(),
    find: () => db.select().from(oauthRecords).where(and(byHash, valid)).prepare(),
    consume: () =>
      db
        .update(oauthRecords)
        .set({ consumedAt: sql`${placeholder("now")}` })
        .where(and(byHash, valid, isNull(oauthRecords.consumedAt)))
        .prepare(),
    firstUse: () =>
      db
        .select({ at: min(oauthRecords.consumedAt) })
        .from(oauthRecords)
        .where(
          and(
            eq(oauthRecords.grantId, placeholder("grantId")),
            inArray(oauthRecords.kind, ["AccessToken", "RefreshToken"]),
            gte(oauthRecords.consumedAt, placeholder("from")),
            ne(oauthRecords.hash, placeholder("except")),
          ),
        )
        .prepare(),
    remove: () => db.delete(oauthRecords).where(byHash).prepare(),
    removeOf: () =>
      db
        .delete(oauthRecords)
        .where(and(ofKind, eq(oauthRecords.grantId, placeholder("grantId"))))
        .prepare(),
    access: () =>
      db
        .select({ token: oauthRecords, grant: oauthGrants })
        .from(oauthRecords)
        .innerJoin(oauthGrants, eq(oauthGrants.id, oauthRecords.grantId))
        .where(and(byHash, valid, gt(oauthGrants.expiresAt, placeholder("now"))))
        .prepare(),
  });
}
