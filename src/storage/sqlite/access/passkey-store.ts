// Passkeys and their challenges in SQLite.
import { and, asc, eq, gt, lte, or, sql } from "drizzle-orm";
import type { PasskeyStore } from "../../../auth/passkeys.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { passkeyChallenges, passkeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqlitePasskeyStore(engine: Engine): PasskeyStore {
  const { db, clock } = engine;
  const q = statements(engine);
  return {
    create: (passkey, max) =>
      engine.write(() => {
        const { principal, publicKey } = passkey;
        if (q.listOf.all({ principal }).length >= max) return "full";
        const { changes } = db
          .insert(passkeys)
          .values({ ...passkey, publicKey: Buffer.from(publicKey) })
          .onConflictDoNothing()
          .run();
        return changes === 1 ? "created" : "known";
      }),
    find: (id) => engine.readNow(() => q.find.get({ id })),
    findByCredential: (credentialId) => engine.readNow(() => q.byCredential.get({ credentialId })),
    list: (principal) =>
      engine.readDurable(() =>
        principal === undefined ? q.list.all() : q.listOf.all({ principal }),
      ),
    any: () => engine.readNow(() => q.any.get() !== undefined),
    use: (id, { counter, at }) => engine.write(() => q.use.run({ id, counter, at }).changes === 1),
    delete: (id) => engine.free(() => q.remove.run({ id }).changes === 1),
    addChallenge: ({ hash, principal, expiresAt }, max) =>
      engine.write(() => {
        db.insert(passkeyChallenges)
          .values({ hash: Buffer.from(hash), principal, expiresAt })
          .run();
        q.makeRoom.run({ principal, max });
      }),
    takeChallenge: ({ hash, principal }) =>
      engine.write(
        () => q.take.run({ hash: Buffer.from(hash), principal, now: clock.now() }).changes === 1,
      ),
    ...sqliteExpiring(
      engine,
      passkeyChallenges,
      lte(passkeyChallenges.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}

/** Whether the passkey behind a sign-in is there, or there is none behind it. */
export function passkeyCheck({ db }: Engine): (id: string | null) => boolean {
  const q = lazily({
    find: () =>
      db
        .select({ id: passkeys.id })
        .from(passkeys)
        .where(eq(passkeys.id, placeholder("id")))
        .prepare(),
  });
  return (id) => id === null || q.find.get({ id }) !== undefined;
}

function statements({ db }: Engine) {
  const byId = eq(passkeys.id, placeholder("id"));
  const order = [asc(passkeys.createdAt), asc(sql`rowid`)] as const;
  const isAbove = or(
    sql`${passkeys.counter} < ${placeholder("counter")}`,
    and(eq(passkeys.counter, 0), sql`${placeholder("counter")} = 0`),
  );
  return lazily({
    find: () => db.select().from(passkeys).where(byId).prepare(),
    byCredential: () =>
      db
        .select()
        .from(passkeys)
        .where(eq(passkeys.credentialId, placeholder("credentialId")))
        .prepare(),
    list: () =>
      db
        .select()
        .from(passkeys)
        .orderBy(...order)
        .prepare(),
    listOf: () =>
      db
        .select()
        .from(passkeys)
        .where(eq(passkeys.principal, placeholder("principal")))
        .orderBy(...order)
        .prepare(),
    any: () => db.select({ id: passkeys.id }).from(passkeys).limit(1).prepare(),
    use: () =>
      db
        .update(passkeys)
        .set({
          counter: sql`${placeholder("counter")}`,
          lastUsedAt: sql`${placeholder("at")}`,
        })
        .where(and(byId, isAbove))
        .prepare(),
    remove: () => db.delete(passkeys).where(byId).prepare(),
    makeRoom: () =>
      db
        .delete(passkeyChallenges)
        .where(
          sql`rowid in (select rowid from passkey_challenges where principal is ${placeholder("principal")}
            order by expires_at desc, rowid desc limit -1 offset ${placeholder("max")})`,
        )
        .prepare(),
    take: () =>
      db
        .delete(passkeyChallenges)
        .where(
          and(
            eq(passkeyChallenges.hash, placeholder("hash")),
            gt(passkeyChallenges.expiresAt, placeholder("now")),
            sql`${passkeyChallenges.principal} is ${placeholder("principal")}`,
          ),
        )
        .prepare(),
  });
}
