// Clients in SQLite.
import { and, eq, getTableColumns, sql } from "drizzle-orm";
import type { ClientStore } from "../../sessions/store.ts";
import { clientAlive, clientExpired, type Engine } from "./engine.ts";
import { clients } from "./schema.ts";

const { placeholder } = sql;

export function sqliteClientStore(engine: Engine): ClientStore {
  const { db } = engine;
  const byId = eq(clients.id, placeholder("id"));

  const { epoch: _epoch, ...columns } = getTableColumns(clients);

  const q = {
    find: db
      .select(columns)
      .from(clients)
      .where(and(byId, eq(clients.owner, placeholder("owner")), clientAlive))
      .prepare(),
    end: db
      .update(clients)
      .set({ endedAt: sql`${placeholder("now")}` })
      .where(byId)
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
      .set({ lastSeenAt: sql`${placeholder("now")}`, presentUntil: sql`${placeholder("until")}` })
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
    countExpired: db
      .select({ n: sql<number>`count(*)` })
      .from(clients)
      .where(clientExpired)
      .prepare(),
    deleteExpired: db
      .delete(clients)
      .where(
        sql`${clients.id} in (select ${clients.id} from ${clients} where ${clientExpired} limit ${placeholder("limit")})`,
      )
      .prepare(),
  };

  return {
    create: (client) => engine.write(() => void db.insert(clients).values(client).run()),
    find: (owner, id) => engine.read(() => q.find.get({ ...engine.times(), owner, id })),
    end: (id) => engine.write(() => void q.end.run({ id, now: engine.clock.now() })),
    setLogLevel: (id, level) => engine.write(() => void q.setLogLevel.run({ id, level })),
    setSession: (id, sessionId) => engine.write(() => void q.setSession.run({ id, sessionId })),
    present: (ids, until) =>
      engine.write(() => {
        const now = engine.clock.now();
        for (const id of ids) q.present.run({ id, now, until });
      }),
    nextEpoch: (id) =>
      engine.write(() => (q.nextEpoch.get({ id }) as { epoch: number } | undefined)?.epoch ?? 0),
    touch: (times) =>
      engine.write(() => {
        for (const [id, at] of times) q.touch.run({ id, at });
      }),
    countExpired: () => engine.read(() => q.countExpired.get(engine.times())!.n),
    deleteExpired: (limit) =>
      engine.write(() => q.deleteExpired.run({ ...engine.times(), limit }).changes),
  };
}
