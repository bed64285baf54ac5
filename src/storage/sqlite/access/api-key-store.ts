// API keys in SQLite.
import { and, asc, eq, isNotNull, isNull, lte, or, sql } from "drizzle-orm";
import type { ApiKeyStore } from "../../../auth/api-keys.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { apiKeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteApiKeyStore(engine: Engine): ApiKeyStore {
  const { db } = engine;
  const cache = engine.cached.apiKeys;
  const byId = eq(apiKeys.id, placeholder("id"));
  const q = lazily({
    find: () => db.select().from(apiKeys).where(byId).prepare(),
    list: () =>
      db.select().from(apiKeys).orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)).prepare(),
    any: () => db.select().from(apiKeys).limit(1).prepare(),
    revoke: () =>
      db
        .update(apiKeys)
        .set({ revokedAt: sql`${placeholder("now")}` })
        .where(and(byId, isNull(apiKeys.revokedAt)))
        .prepare(),
    deleteDead: () =>
      db
        .delete(apiKeys)
        .where(or(isNotNull(apiKeys.revokedAt), lte(apiKeys.expiresAt, placeholder("now"))))
        .prepare(),
    touch: () =>
      db
        .update(apiKeys)
        .set({ lastUsedAt: sql`${placeholder("at")}` })
        .where(byId)
        .prepare(),
  });
  return {
    create: (key) =>
      engine.write(() => {
        db.insert(apiKeys)
          .values({ ...key, hash: Buffer.from(key.hash) })
          .run();
        cache.clear();
      }),
    find: (id) => engine.readNow(() => cache.get(id, () => q.find.get({ id }))),
    list: () => engine.readDurable(() => q.list.all()),
    any: () => engine.readNow(() => cache.get("", () => q.any.get()) !== undefined),
    revoke: (id) =>
      engine.free(() => {
        cache.clear();
        return q.revoke.run({ id, now: engine.clock.now() }).changes === 1;
      }),
    deleteDead: () =>
      engine.free(() => {
        cache.clear();
        q.deleteDead.run({ now: engine.clock.now() });
      }),
    touch: (times) =>
      engine.write(() => {
        for (const [id, at] of times) q.touch.run({ id, at });
        cache.clear();
      }),
  };
}
