// What people have granted to clients, in SQLite.
import { and, desc, eq, gt, lte, sql } from "drizzle-orm";
import type { OAuthClient, OAuthGrantStore } from "../../../oauth/store.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { oauthClients, oauthGrants } from "../schema/schema.ts";
import { passkeyCheck } from "./passkey-store.ts";

const { placeholder } = sql;

export function sqliteOAuthGrantStore(engine: Engine): OAuthGrantStore {
  const { db, clock } = engine;
  const hasPasskey = passkeyCheck(engine);
  const byId = eq(oauthGrants.id, placeholder("id"));
  const valid = gt(oauthGrants.expiresAt, placeholder("now"));
  const order = [desc(oauthGrants.lastUsedAt), desc(sql`rowid`)] as const;
  const q = lazily({
    find: () => db.select().from(oauthGrants).where(and(byId, valid)).prepare(),
    list: () =>
      db
        .select()
        .from(oauthGrants)
        .where(valid)
        .orderBy(...order)
        .prepare(),
    listOf: () =>
      db
        .select()
        .from(oauthGrants)
        .where(and(eq(oauthGrants.principal, placeholder("principal")), valid))
        .orderBy(...order)
        .prepare(),
    makeRoom: () =>
      db
        .delete(oauthGrants)
        .where(
          sql`id in (select id from oauth_grants where principal = ${placeholder("principal")}
            order by id = ${placeholder("id")} desc, expires_at desc limit -1 offset ${placeholder("max")})`,
        )
        .prepare(),
    keepClient: () =>
      db
        .update(oauthClients)
        .set({ expiresAt: null })
        .where(eq(oauthClients.id, placeholder("clientId")))
        .prepare(),
    anyOf: () =>
      db
        .select({ id: oauthGrants.id })
        .from(oauthGrants)
        .where(and(eq(oauthGrants.clientId, placeholder("clientId")), valid))
        .limit(1)
        .prepare(),
    remove: () => db.delete(oauthGrants).where(byId).prepare(),
  });
  const keepDocumented = (client: OAuthClient) =>
    db
      .insert(oauthClients)
      .values(client)
      .onConflictDoUpdate({ target: oauthClients.id, set: client });
  return {
    create: (grant, max, documented) =>
      engine.write(() => {
        const { id, principal, clientId, passkeyId } = grant;
        if (!hasPasskey(passkeyId)) return false;
        db.insert(oauthGrants).values(grant).run();
        if (documented === undefined) q.keepClient.run({ clientId });
        else keepDocumented(documented).run();
        q.makeRoom.run({ id, principal, max });
        return true;
      }),
    find: (id) => engine.readNow(() => q.find.get({ id, now: clock.now() })),
    anyOf: (clientId) =>
      engine.readNow(() => q.anyOf.get({ clientId, now: clock.now() }) !== undefined),
    list: (principal) =>
      engine.readDurable(() =>
        principal === undefined
          ? q.list.all({ now: clock.now() })
          : q.listOf.all({ principal, now: clock.now() }),
      ),
    delete: (id) => engine.free(() => q.remove.run({ id }).changes === 1),
    ...sqliteExpiring(engine, oauthGrants, lte(oauthGrants.expiresAt, placeholder("now")), () => ({
      now: clock.now(),
    })),
  };
}
