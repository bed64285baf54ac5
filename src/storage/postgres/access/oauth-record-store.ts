// Tokens, codes and sign-ins under way of the authorization server, in PostgreSQL.
import { and, eq, gt, gte, inArray, isNull, lte, min, ne, sql } from "drizzle-orm";
import type { OAuthRecordStore } from "../../../oauth/store.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { oauthGrants, oauthKeys, oauthRecords } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresOAuthRecordStore(engine: Engine): OAuthRecordStore {
  const { db, clock } = engine;
  const q = statements(engine);
  return {
    save: ({ kind, hash, grantId, payload, expiresAt }, max) =>
      engine.write(async () => {
        const now = clock.now();
        if (grantId !== null && (await q.useGrant.run({ grantId, now, expiresAt })).changes === 0)
          return false;
        await db
          .insert(oauthRecords)
          .values({ kind, hash: Buffer.from(hash), grantId, payload, expiresAt })
          .onConflictDoUpdate({
            target: [oauthRecords.kind, oauthRecords.hash],
            set: { payload, expiresAt },
          });
        if (max !== undefined) await q.makeRoom.run({ kind, max });
        return true;
      }),
    find: (kind, hash) =>
      engine.read(() => q.find.get({ kind, hash: Buffer.from(hash), now: clock.now() })),
    consume: (kind, hash) =>
      engine.write(async () => {
        const values = { kind, hash: Buffer.from(hash), now: clock.now() };
        return (await q.consume.run(values)).changes === 1;
      }),
    delete: (kind, hash) =>
      engine.write(async () => void (await q.remove.run({ kind, hash: Buffer.from(hash) }))),
    deleteOf: (kind, grantId) =>
      engine.write(async () => void (await q.removeOf.run({ kind, grantId }))),
    firstUse: (grantId, { from, except }) =>
      engine.read(async () => {
        const first = await q.firstUse.get({ grantId, from, except: Buffer.from(except) });
        return first?.at ?? undefined;
      }),
    access: (hash) =>
      engine.read(() =>
        q.access.get({ kind: "AccessToken", hash: Buffer.from(hash), now: clock.now() }),
      ),
    signingKey: (candidate) =>
      engine.write(async () => {
        await db
          .insert(oauthKeys)
          .values({ id: 1, jwk: candidate, createdAt: clock.now() })
          .onConflictDoNothing();
        const [key] = await db.select().from(oauthKeys);
        return key!.jwk;
      }),
    ...postgresExpiring(
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
  return prepared({
    useGrant: () =>
      db
        .update(oauthGrants)
        .set({
          lastUsedAt: sql`${placeholder("now")}::bigint`,
          expiresAt: sql`greatest(expires_at, ${placeholder("expiresAt")}::bigint)`,
        })
        .where(
          and(
            eq(oauthGrants.id, placeholder("grantId")),
            gt(oauthGrants.expiresAt, placeholder("now")),
          ),
        ),
    // Rows that another transaction has locked are in use.
    makeRoom: () =>
      db.delete(oauthRecords).where(
        sql`ctid = any(array(select ctid from oauth_records where kind = ${placeholder("kind")}
          order by expires_at desc, hash offset ${placeholder("max")}::bigint for update skip locked))`,
      ),
    find: () => db.select().from(oauthRecords).where(and(byHash, valid)),
    consume: () =>
      db
        .update(oauthRecords)
        .set({ consumedAt: sql`${placeholder("now")}::bigint` })
        .where(and(byHash, valid, isNull(oauthRecords.consumedAt))),
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
        ),
    remove: () => db.delete(oauthRecords).where(byHash),
    removeOf: () =>
      db.delete(oauthRecords).where(and(ofKind, eq(oauthRecords.grantId, placeholder("grantId")))),
    access: () =>
      db
        .select({ token: oauthRecords, grant: oauthGrants })
        .from(oauthRecords)
        .innerJoin(oauthGrants, eq(oauthGrants.id, oauthRecords.grantId))
        .where(and(byHash, valid, gt(oauthGrants.expiresAt, placeholder("now")))),
  });
}
