// Relayed messages in SQLite.
import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import { MAX_RELAYED, RELAY_MS, type RelayStore } from "../../../clients/relay.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { clients, relayed } from "../schema/schema.ts";

const { placeholder } = sql;

export function sqliteRelayStore(engine: Engine): RelayStore {
  const { db, clock } = engine;
  const ofClient = eq(relayed.clientId, placeholder("clientId"));
  const q = lazily({
    client: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(
          and(
            eq(clients.id, placeholder("clientId")),
            sql`exists (select 1 from instances limit 1 offset 1)`,
          ),
        )
        .prepare(),
    post: () =>
      db
        .insert(relayed)
        .values({
          clientId: placeholder("clientId"),
          data: placeholder("data"),
          createdAt: placeholder("now"),
        })
        .prepare(),
    forget: () =>
      db
        .delete(relayed)
        .where(
          and(
            ofClient,
            sql`(${lte(relayed.createdAt, placeholder("oldest"))} or ${relayed.id} in (select id from relayed
            where client_id = ${placeholder("clientId")} order by id desc limit -1 offset ${MAX_RELAYED}))`,
          ),
        )
        .prepare(),
    list: () =>
      db
        .select({ id: relayed.id, clientId: relayed.clientId, data: relayed.data })
        .from(relayed)
        .where(
          and(
            sql`${relayed.clientId} in (select value from json_each(${placeholder("ids")}))`,
            gt(relayed.createdAt, placeholder("oldest")),
          ),
        )
        .orderBy(asc(relayed.id))
        .prepare(),
  });
  return {
    post: (clientId, messages) =>
      engine.write(() => {
        if (q.client.get({ clientId }) === undefined) return;
        const now = clock.now();
        for (const data of messages) q.post.run({ clientId, data, now });
        q.forget.run({ clientId, oldest: now - RELAY_MS });
      }),
    list: (clientIds) =>
      engine.readNow(() =>
        q.list
          .all({ ids: JSON.stringify(clientIds), oldest: clock.now() - RELAY_MS })
          .map(({ id, ...message }) => ({ id: String(id), ...message })),
      ),
  };
}
