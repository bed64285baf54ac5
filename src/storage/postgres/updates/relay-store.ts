// Relayed messages in PostgreSQL.
import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import { MAX_RELAYED, RELAY_MS, type RelayStore } from "../../../clients/relay.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { relayed } from "../schema/schema.ts";

const { placeholder } = sql;

export function postgresRelayStore(engine: Engine): RelayStore {
  const { db, clock } = engine;
  const q = prepared({
    post: () =>
      db.insert(relayed).select(
        sql`select nextval(pg_get_serial_sequence('relayed', 'id')), id, ${placeholder("data")}, ${placeholder("now")}::bigint
          from clients where id = ${placeholder("clientId")}
          and exists (select 1 from instances offset 1)`,
      ),
    forget: () =>
      db.delete(relayed).where(
        and(
          eq(relayed.clientId, placeholder("clientId")),
          sql`(${lte(relayed.createdAt, placeholder("oldest"))} or ${relayed.id} = any(array(select id from relayed
            where client_id = ${placeholder("clientId")} order by id desc offset ${MAX_RELAYED})))`,
        ),
      ),
    list: () =>
      db
        .select({ id: relayed.id, clientId: relayed.clientId, data: relayed.data })
        .from(relayed)
        .where(
          and(
            sql`${relayed.clientId} = any(${placeholder("ids")}::text[])`,
            gt(relayed.createdAt, placeholder("oldest")),
          ),
        )
        .orderBy(asc(relayed.id)),
  });
  return {
    post: (clientId, messages) =>
      engine.inOrder(`relay ${clientId}`, () =>
        engine.write(async () => {
          const now = clock.now();
          let posted = 0;
          for (const data of messages)
            posted += (await q.post.run({ clientId, data, now })).changes;
          if (posted === 0) return;
          engine.changed("client", clientId);
          await q.forget.run({ clientId, oldest: now - RELAY_MS });
        }),
      ),
    list: (clientIds) =>
      engine.read(async () => {
        const found = await q.list.all({ ids: clientIds, oldest: clock.now() - RELAY_MS });
        return found.map(({ id, ...message }) => ({ id: String(id), ...message }));
      }),
  };
}
