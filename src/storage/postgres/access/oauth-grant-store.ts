// What people have granted to clients, in PostgreSQL.
import { and, desc, eq, gt, lte, sql } from "drizzle-orm";
import type { OAuthClient, OAuthGrantStore } from "../../../oauth/store.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import { oauthClients, oauthGrants } from "../schema/schema.ts";
import { passkeyCheck } from "./passkey-store.ts";

const { placeholder } = sql;

export function postgresOAuthGrantStore(engine: Engine): OAuthGrantStore {
  const { db, clock } = engine;
  const hasPasskey = passkeyCheck(engine);
  const byId = eq(oauthGrants.id, placeholder("id"));
  const valid = gt(oauthGrants.expiresAt, placeholder("now"));
  const order = [desc(oauthGrants.lastUsedAt), desc(oauthGrants.createdAt)] as const;
  const q = prepared({
    find: () => db.select().from(oauthGrants).where(and(byId, valid)),
    list: () =>
      db
        .select()
        .from(oauthGrants)
        .where(valid)
        .orderBy(...order),
    listOf: () =>
      db
        .select()
        .from(oauthGrants)
        .where(and(eq(oauthGrants.principal, placeholder("principal")), valid))
        .orderBy(...order),
    makeRoom: () =>
      db.delete(oauthGrants).where(
        sql`id = any(array(select id from oauth_grants where principal = ${placeholder("principal")}
          order by id = ${placeholder("id")} desc, expires_at desc, id offset ${placeholder("max")}::bigint))`,
      ),
    keepClient: () =>
      db
        .update(oauthClients)
        .set({ expiresAt: null })
        .where(eq(oauthClients.id, placeholder("clientId"))),
    anyOf: () =>
      db
        .select({ id: oauthGrants.id })
        .from(oauthGrants)
        .where(and(eq(oauthGrants.clientId, placeholder("clientId")), valid))
        .limit(1),
    remove: () => db.delete(oauthGrants).where(byId),
  });
  const keepDocumented = (client: OAuthClient) =>
    db
      .insert(oauthClients)
      .values(client)
      .onConflictDoUpdate({ target: oauthClients.id, set: client });
  return {
    create: (grant, max, documented) =>
      engine.write(async () => {
        const { id, principal, clientId, passkeyId } = grant;
        if (!(await hasPasskey(passkeyId))) return false;
        await engine.lock(`oauth grants of ${principal}`);
        await db.insert(oauthGrants).values(grant);
        if (documented === undefined) await q.keepClient.run({ clientId });
        else await keepDocumented(documented);
        await q.makeRoom.run({ id, principal, max });
        return true;
      }),
    find: (id) => engine.read(() => q.find.get({ id, now: clock.now() })),
    anyOf: (clientId) =>
      engine.read(async () => (await q.anyOf.get({ clientId, now: clock.now() })) !== undefined),
    list: (principal) =>
      engine.read(() =>
        principal === undefined
          ? q.list.all({ now: clock.now() })
          : q.listOf.all({ principal, now: clock.now() }),
      ),
    delete: (id) => engine.write(async () => (await q.remove.run({ id })).changes === 1),
    ...postgresExpiring(
      engine,
      oauthGrants,
      lte(oauthGrants.expiresAt, placeholder("now")),
      () => ({ now: clock.now() }),
    ),
  };
}
