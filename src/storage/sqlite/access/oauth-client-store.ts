// Clients of the authorization server in SQLite.
import { and, desc, eq, gt, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { OAuthClientStore } from "../../../oauth/store.ts";
import { expiredOAuthClient, oauthClientTimes } from "../../shared/oauth.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { oauthClients, oauthGrants } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteOAuthClientStore(engine: Engine): OAuthClientStore {
  const { db, clock } = engine;
  const byId = eq(oauthClients.id, placeholder("id"));
  const valid = or(isNull(oauthClients.expiresAt), gt(oauthClients.expiresAt, placeholder("now")));
  const q = lazily({
    find: () =>
      db
        .select()
        .from(oauthClients)
        .where(sql`${byId} and ${valid}`)
        .prepare(),
    list: () =>
      db
        .select()
        .from(oauthClients)
        .where(valid)
        .orderBy(desc(oauthClients.createdAt), desc(sql`rowid`))
        .prepare(),
    makeRoom: () =>
      db
        .delete(oauthClients)
        .where(
          sql`id in (select id from oauth_clients where expires_at is not null
            order by id = ${placeholder("id")} desc, expires_at desc, rowid desc limit -1 offset ${placeholder("max")})`,
        )
        .prepare(),
    extend: () =>
      db
        .update(oauthClients)
        .set({ expiresAt: sql`max(expires_at, ${placeholder("expiresAt")})` })
        .where(and(byId, isNotNull(oauthClients.expiresAt)))
        .prepare(),
    remove: () => db.delete(oauthClients).where(byId).prepare(),
    removeGrants: () =>
      db
        .delete(oauthGrants)
        .where(eq(oauthGrants.clientId, placeholder("id")))
        .prepare(),
  });
  return {
    create: (client, maxUnused) =>
      engine.write(() => {
        db.insert(oauthClients).values(client).run();
        q.makeRoom.run({ id: client.id, max: maxUnused });
      }),
    extend: (id, expiresAt) => engine.write(() => void q.extend.run({ id, expiresAt })),
    find: (id) => engine.readNow(() => q.find.get({ id, now: clock.now() })),
    list: () => engine.readDurable(() => q.list.all({ now: clock.now() })),
    delete: (id) =>
      engine.free(() => q.removeGrants.run({ id }).changes + q.remove.run({ id }).changes > 0),
    ...sqliteExpiring(engine, oauthClients, expiredOAuthClient, () =>
      oauthClientTimes(clock.now()),
    ),
  };
}
