// Clients of the authorization server in PostgreSQL.
import { and, desc, eq, gt, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { OAuthClientStore } from "../../../oauth/store.ts";
import { expiredOAuthClient, oauthClientTimes } from "../../shared/oauth.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { oauthClients, oauthGrants } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresOAuthClientStore(engine: Engine): OAuthClientStore {
  const { db, clock } = engine;
  const byId = eq(oauthClients.id, placeholder("id"));
  const valid = or(isNull(oauthClients.expiresAt), gt(oauthClients.expiresAt, placeholder("now")));
  const q = prepared({
    find: () =>
      db
        .select()
        .from(oauthClients)
        .where(sql`${byId} and ${valid}`),
    list: () => db.select().from(oauthClients).where(valid).orderBy(desc(oauthClients.createdAt)),
    makeRoom: () =>
      db.delete(oauthClients).where(
        sql`id = any(array(select id from oauth_clients where expires_at is not null
          order by id = ${placeholder("id")} desc, expires_at desc, id offset ${placeholder("max")}::bigint))`,
      ),
    extend: () =>
      db
        .update(oauthClients)
        .set({ expiresAt: sql`greatest(expires_at, ${placeholder("expiresAt")}::bigint)` })
        .where(and(byId, isNotNull(oauthClients.expiresAt))),
    remove: () => db.delete(oauthClients).where(byId),
    removeGrants: () => db.delete(oauthGrants).where(eq(oauthGrants.clientId, placeholder("id"))),
  });
  return {
    create: (client, maxUnused) =>
      engine.write(async () => {
        await engine.lock("oauth clients");
        await db.insert(oauthClients).values(client);
        await q.makeRoom.run({ id: client.id, max: maxUnused });
      }),
    extend: (id, expiresAt) =>
      engine.write(async () => void (await q.extend.run({ id, expiresAt }))),
    find: (id) => engine.read(() => q.find.get({ id, now: clock.now() })),
    list: () => engine.read(() => q.list.all({ now: clock.now() })),
    delete: (id) =>
      engine.write(async () => {
        const grants = await q.removeGrants.run({ id });
        return grants.changes + (await q.remove.run({ id })).changes > 0;
      }),
    ...postgresExpiring(engine, oauthClients, expiredOAuthClient, () =>
      oauthClientTimes(clock.now()),
    ),
  };
}
