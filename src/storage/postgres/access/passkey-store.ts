// Passkeys and their challenges in PostgreSQL.
import { and, asc, eq, gt, lte, or, sql } from "drizzle-orm";
import type { PasskeyStore } from "../../../auth/passkeys.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { passkeyChallenges, passkeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresPasskeyStore(engine: Engine): PasskeyStore {
  const { db, clock } = engine;
  const q = statements(engine);
  return {
    create: (passkey, max) =>
      engine.write(async () => {
        const { principal, publicKey } = passkey;
        await engine.lock(`passkeys of ${principal}`);
        if ((await q.listOf.all({ principal })).length >= max) return "full";
        const created = await db
          .insert(passkeys)
          .values({ ...passkey, publicKey: Buffer.from(publicKey) })
          .onConflictDoNothing()
          .returning({ id: passkeys.id });
        return created.length === 1 ? "created" : "known";
      }),
    find: (id) => engine.read(() => q.find.get({ id })),
    findByCredential: (credentialId) => engine.read(() => q.byCredential.get({ credentialId })),
    list: (principal) =>
      engine.read(() => (principal === undefined ? q.list.all() : q.listOf.all({ principal }))),
    any: () => engine.read(async () => (await q.any.get()) !== undefined),
    use: (id, { counter, at }) =>
      engine.write(
        async () => (await q.use.run({ id, counter, at: Math.floor(at) })).changes === 1,
      ),
    delete: (id) => engine.write(async () => (await q.remove.run({ id })).changes === 1),
    addChallenge: ({ hash, principal, expiresAt }, max) =>
      engine.write(async () => {
        await db
          .insert(passkeyChallenges)
          .values({ hash: Buffer.from(hash), principal, expiresAt: Math.floor(expiresAt) });
        await q.makeRoom.run({ principal, max });
      }),
    takeChallenge: ({ hash, principal }) =>
      engine.write(async () => {
        const values = { hash: Buffer.from(hash), principal, now: clock.now() };
        return (await q.take.run(values)).changes === 1;
      }),
    ...postgresExpiring(
      engine,
      passkeyChallenges,
      lte(passkeyChallenges.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}

/** Whether the passkey behind a sign-in is there, until the transaction's end, or there is none behind it. */
export function passkeyCheck({ db }: Engine): (id: string | null) => Promise<boolean> {
  const q = prepared({
    find: () =>
      db
        .select({ id: passkeys.id })
        .from(passkeys)
        .where(eq(passkeys.id, placeholder("id")))
        .for("key share"),
  });
  return async (id) => id === null || (await q.find.get({ id })) !== undefined;
}

function statements({ db }: Engine) {
  const byId = eq(passkeys.id, placeholder("id"));
  const order = [asc(passkeys.createdAt), asc(passkeys.id)] as const;
  const counter = sql`${placeholder("counter")}::bigint`;
  const isAbove = or(
    sql`${passkeys.counter} < ${counter}`,
    and(eq(passkeys.counter, 0), sql`${counter} = 0`),
  );
  const ofPrincipal = sql`principal is not distinct from ${placeholder("principal")}::text`;
  return prepared({
    find: () => db.select().from(passkeys).where(byId),
    byCredential: () =>
      db
        .select()
        .from(passkeys)
        .where(eq(passkeys.credentialId, placeholder("credentialId"))),
    list: () =>
      db
        .select()
        .from(passkeys)
        .orderBy(...order),
    listOf: () =>
      db
        .select()
        .from(passkeys)
        .where(eq(passkeys.principal, placeholder("principal")))
        .orderBy(...order),
    any: () => db.select({ id: passkeys.id }).from(passkeys).limit(1),
    use: () =>
      db
        .update(passkeys)
        .set({ counter, lastUsedAt: sql`${placeholder("at")}::bigint` })
        .where(and(byId, isAbove)),
    remove: () => db.delete(passkeys).where(byId),
    // Rows that another transaction has locked are in use.
    makeRoom: () =>
      db.delete(passkeyChallenges).where(
        sql`ctid = any(array(select ctid from passkey_challenges where ${ofPrincipal}
          order by expires_at desc, hash offset ${placeholder("max")}::bigint for update skip locked))`,
      ),
    take: () =>
      db
        .delete(passkeyChallenges)
        .where(
          and(
            eq(passkeyChallenges.hash, placeholder("hash")),
            gt(passkeyChallenges.expiresAt, placeholder("now")),
            ofPrincipal,
          ),
        ),
  });
}
