// API keys in PostgreSQL.
import { and, asc, eq, isNotNull, isNull, lte, or, sql } from "drizzle-orm";
import type { ApiKey, ApiKeyStore } from "../../../auth/api-keys.ts";
import type { Engine } from "../engine/engine.ts";
import type { Reads } from "../engine/read-ahead.ts";
import { prepared } from "../engine/statements.ts";
import { apiKeys } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresApiKeyStore(
  engine: Engine,
): ApiKeyStore & { ahead(id: string | undefined): Reads } {
  const { db, clock } = engine;
  const byId = eq(apiKeys.id, placeholder("id"));
  const ids = sql`${placeholder("ids")}::text[]`;
  const q = prepared({
    find: () => db.select().from(apiKeys).where(byId),
    list: () => db.select().from(apiKeys).orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)),
    any: () => db.select({ id: apiKeys.id }).from(apiKeys).limit(1),
    revoke: () =>
      db
        .update(apiKeys)
        .set({ revokedAt: sql`${placeholder("now")}` })
        .where(and(byId, isNull(apiKeys.revokedAt))),
    deleteDead: () =>
      db
        .delete(apiKeys)
        .where(or(isNotNull(apiKeys.revokedAt), lte(apiKeys.expiresAt, placeholder("now")))),
    // In the order of the ids: two processes do not wait for each other in a circle.
    lock: () =>
      db
        .select({ id: apiKeys.id })
        .from(apiKeys)
        .where(sql`${apiKeys.id} = any(${ids})`)
        .orderBy(apiKeys.id)
        .for("no key update"),
    touch: () =>
      db
        .update(apiKeys)
        .set({ lastUsedAt: sql`used.at` })
        .from(sql`unnest(${ids}, ${placeholder("times")}::bigint[]) as used(id, at)`)
        .where(sql`api_keys.id = used.id`),
  });
  const find = (id: string): Promise<ApiKey | undefined> => q.find.get({ id });
  const any = async (): Promise<boolean> => (await q.any.get()) !== undefined;
  return {
    create: (key) =>
      engine.write(async () => {
        await db.insert(apiKeys).values({ ...key, hash: Buffer.from(key.hash) });
      }),
    find: (id) => engine.read(() => engine.ahead.take<ApiKey | undefined>(`key ${id}`) ?? find(id)),
    list: () => engine.read(() => q.list.all()),
    any: () => engine.read(() => engine.ahead.take<boolean>("any key") ?? any()),
    /** `id`: of the key that the caller sends. */
    ahead: (id: string | undefined) => ({
      "any key": any(),
      ...(id !== undefined && { [`key ${id}`]: find(id) }),
    }),
    revoke: (id) =>
      engine.inOrder(`key ${id}`, () =>
        engine.write(async () => (await q.revoke.run({ id, now: clock.now() })).changes === 1),
      ),
    deleteDead: () => engine.write(async () => void (await q.deleteDead.run({ now: clock.now() }))),
    touch: (used) =>
      engine.write(async () => {
        const values = {
          ids: [...used.keys()],
          times: Array.from(used.values(), (at) => Math.floor(at)),
        };
        await Promise.all([q.lock.all(values), q.touch.run(values)]);
      }),
  };
}
