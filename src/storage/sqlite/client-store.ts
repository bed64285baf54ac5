// Clients in SQLite.
import { and, eq, getTableColumns, sql } from "drizzle-orm";
import type { ClientStore } from "../../sessions/store.ts";
import { clientExpired, type Engine } from "./engine.ts";
import { sqliteExpiring } from "./expiring.ts";
import { clients, sessions } from "./schema.ts";

const { placeholder } = sql;

export function sqliteClientStore(engine: Engine, maxClients: number): ClientStore {
  const { db } = engine;
  const cache = engine.cached.clients;
  /** A write to one client. */
  const change = (id: string, act: () => unknown): Promise<void> =>
    engine.write(() => {
      act();
      cache.delete(id);
    });
  const byId = eq(clients.id, placeholder("id"));

  const { epoch: _epoch, ...columns } = getTableColumns(clients);

  const q = {
    byId: db.select(columns).from(clients).where(byId).prepare(),
    // The living ones are counted only to bound them; a connected one stays, however many there are.
    endIdlest: db
      .update(clients)
      .set({ endedAt: sql`${placeholder("now")}` })
      .where(
        sql`${clients.id} = (select id from clients where owner = ${placeholder("owner")}
          and ended_at is null and present_until <= ${placeholder("now")} order by last_seen_at limit 1)
        and (select count(*) from clients where owner = ${placeholder("owner")} and ended_at is null)
          > ${maxClients}`,
      )
      .returning({ id: clients.id })
      .prepare(),
    end: db
      .update(clients)
      .set({ endedAt: sql`${placeholder("now")}` })
      .where(byId)
      .prepare(),
    endTemporary: db
      .delete(sessions)
      .where(and(eq(sessions.openedBy, placeholder("id")), eq(sessions.pinned, false)))
      .prepare(),
    setLogLevel: db
      .update(clients)
      .set({ logLevel: sql`${placeholder("level")}` })
      .where(byId)
      .prepare(),
    setSession: db
      .update(clients)
      .set({ sessionId: sql`${placeholder("sessionId")}` })
      .where(byId)
      .prepare(),
    present: db
      .update(clients)
      .set({
        // A client that only its connection keeps alive was never seen.
        lastSeenAt: sql`iif(${clients.lastSeenAt} = 0, 0, ${placeholder("now")})`,
        presentUntil: sql`${placeholder("until")}`,
      })
      .where(byId)
      .prepare(),
    nextEpoch: db
      .update(clients)
      .set({ epoch: sql`${clients.epoch} + 1` })
      .where(byId)
      .returning({ epoch: clients.epoch })
      .prepare(),
    touch: db
      .update(clients)
      .set({ lastSeenAt: sql`max(${clients.lastSeenAt}, ${placeholder("at")})` })
      .where(byId)
      .prepare(),
  };

  return {
    create: (client) =>
      change(client.id, () => {
        db.insert(clients).values(client).run();
        const ended = q.endIdlest.get({ owner: client.owner, now: engine.clock.now() });
        if (ended !== undefined) cache.delete((ended as { id: string }).id);
      }),
    find: (owner, id) =>
      engine.look(() => {
        const row = cache.get(id, () => q.byId.get({ id }));
        if (row?.owner !== owner || row.endedAt !== null) return undefined;
        const { now, oldest } = engine.times();
        return row.lastSeenAt > oldest || row.presentUntil > now ? { ...row } : undefined;
      }),
    end: (id) =>
      change(id, () => {
        const now = engine.clock.now();
        if (q.endTemporary.run({ id }).changes > 0) engine.cached.sessions.clear();
        q.end.run({ id, now });
      }),
    setLogLevel: (id, level) => change(id, () => q.setLogLevel.run({ id, level })),
    setSession: (id, sessionId) => change(id, () => q.setSession.run({ id, sessionId })),
    present: (ids, until) =>
      engine.write(() => {
        const now = engine.clock.now();
        for (const id of ids) {
          q.present.run({ id, now, until });
          cache.delete(id);
        }
      }),
    nextEpoch: (id) =>
      engine.write(() => (q.nextEpoch.get({ id }) as { epoch: number } | undefined)?.epoch ?? 0),
    touch: (times) =>
      engine.write(() => {
        for (const [id, at] of times) {
          q.touch.run({ id, at });
          cache.delete(id);
        }
      }),
    ...sqliteExpiring(
      engine,
      clients,
      clientExpired,
      () => engine.times(),
      () => cache.clear(),
    ),
  };
}
