// Clients in SQLite.
import { and, desc, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { Client } from "../../../sessions/session.ts";
import type { ClientStore } from "../../../sessions/store.ts";
import { endedClient, tooManyClients } from "../../shared/clients.ts";
import { clientAlive, clientEngaged, clientExpired } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import {
  clients,
  connections,
  outbox,
  sessions,
  streams,
  subscriptions,
} from "../schema/schema.ts";
import type { Shrink } from "../sessions/shrink.ts";
import type { SubscriptionRows } from "../updates/subscription-rows.ts";

const { placeholder } = sql;

/** Columns of a connected client that people see. */
const CONNECTED = {
  owner: clients.owner,
  name: clients.name,
  version: clients.version,
  protocolVersion: clients.protocolVersion,
  createdAt: clients.createdAt,
  lastSeenAt: clients.lastSeenAt,
};

function statements({ db }: Engine) {
  const byId = eq(clients.id, placeholder("id"));
  const { epoch: _epoch, ...columns } = getTableColumns(clients);
  return lazily({
    byId: () => db.select(columns).from(clients).where(byId).prepare(),
    aliveById: () => db.select(columns).from(clients).where(and(byId, clientAlive)).prepare(),
    byOwnSession: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(eq(clients.ownSessionId, placeholder("sessionId")))
        .limit(1)
        .prepare(),
    connected: () =>
      db
        .select(CONNECTED)
        .from(clients)
        .where(
          sql`ended_at is null and id in (select client_id from connections) and (${placeholder("owner")} is null or owner = ${placeholder("owner")})`,
        )
        .orderBy(desc(clients.lastSeenAt))
        .limit(placeholder("limit"))
        .prepare(),
    setLogLevel: () =>
      db
        .update(clients)
        .set({ logLevel: sql`${placeholder("level")}` })
        .where(byId)
        .prepare(),
    setCredentials: () =>
      db
        .update(clients)
        .set({
          credentials: sql`${placeholder("credentials")}`,
          scope: sql`${placeholder("scope")}`,
        })
        .where(byId)
        .prepare(),
    setSession: () =>
      db
        .update(clients)
        .set({ sessionId: sql`${placeholder("sessionId")}` })
        .where(byId)
        .prepare(),
    present: () =>
      db
        .update(clients)
        .set({
          // 0 stays 0: such a client was never seen, and only its connection keeps it alive.
          lastSeenAt: sql`iif(${clients.lastSeenAt} = 0, 0, max(${clients.lastSeenAt}, ${placeholder("now")}))`,
          presentUntil: sql`${placeholder("until")}`,
        })
        .where(byId)
        .prepare(),
    nextEpoch: () =>
      db
        .update(clients)
        .set({ epoch: sql`${clients.epoch} + 1` })
        .where(and(byId, isNull(clients.endedAt)))
        .returning({ epoch: clients.epoch })
        .prepare(),
    touch: () =>
      db
        .update(clients)
        .set({
          // Later than `createdAt`, also in the same millisecond: the client has come back.
          lastSeenAt: sql`max(${clients.lastSeenAt}, ${placeholder("at")}, ${clients.createdAt} + 1)`,
        })
        .where(byId)
        .prepare(),
  });
}

/** Statements on clients of the same credentials: a program's clients push out none of another program's. */
function limitStatements({ db }: Engine) {
  const ofSameCredentials = sql`owner = ${placeholder("owner")} and credentials is ${placeholder("credentials")}
    and ended_at is null`;
  return lazily({
    // Listening streams are clients too, but never seen: their own limit bounds them.
    countLiving: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(clients)
        .where(sql`${ofSameCredentials} and last_seen_at > 0`)
        .prepare(),
    deleteNeverBack: () =>
      db
        .delete(clients)
        .where(
          sql`${clients.id} in (select id from clients where ${ofSameCredentials}
          and last_seen_at = created_at and not ${clientEngaged}
          and id <> ${placeholder("id")} order by created_at limit ${placeholder("excess")})`,
        )
        .returning({ id: clients.id })
        .prepare(),
    endIdlest: () =>
      db
        .update(clients)
        .set({ endedAt: sql`${placeholder("now")}` })
        .where(
          sql`${clients.id} in (select id from clients where ${ofSameCredentials}
          and last_seen_at > 0 and not ${clientEngaged}
          and id <> ${placeholder("id")} order by last_seen_at limit ${placeholder("excess")})`,
        )
        .returning({ id: clients.id })
        .prepare(),
  });
}

/** The statements that end a client. */
function endStatements({ db }: Engine) {
  const byId = eq(clients.id, placeholder("id"));
  return lazily({
    end: () => db.update(clients).set(endedClient).where(byId).prepare(),
    endSubscriptions: () =>
      db
        .delete(subscriptions)
        .where(eq(subscriptions.clientId, placeholder("id")))
        .prepare(),
    emptyOutbox: () =>
      db
        .delete(outbox)
        .where(eq(outbox.clientId, placeholder("id")))
        .prepare(),
    deleteStreams: () =>
      db
        .delete(streams)
        .where(eq(streams.clientId, placeholder("id")))
        .prepare(),
    temporary: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(and(eq(sessions.openedBy, placeholder("id")), eq(sessions.pinned, false)))
        .prepare(),
  });
}

/** The statements on connections to processes. */
function connectionStatements({ db }: Engine) {
  return lazily({
    connect: () =>
      db
        .insert(connections)
        .select(
          sql`select clients.id, instances.id from clients, instances
          where clients.id = ${placeholder("id")} and instances.id = ${placeholder("instanceId")}`,
        )
        .onConflictDoNothing()
        .prepare(),
    disconnect: () =>
      db
        .delete(connections)
        .where(
          and(
            eq(connections.clientId, placeholder("id")),
            eq(connections.instanceId, placeholder("instanceId")),
          ),
        )
        .prepare(),
  });
}

/** Returns a function that ends clients beyond the maximum: first those that never came back, then the longest idle ones. */
function roomMaker(engine: Engine, maxClients: number): (client: Client) => void {
  const limit = limitStatements(engine);
  const cache = engine.cached.clients;
  return ({ owner, credentials, id }: Client): void => {
    const excess = limit.countLiving.get({ owner, credentials })!.n - maxClients;
    if (excess <= 0) return;
    const values = { owner, credentials, id, now: engine.clock.now() };
    const gone = limit.deleteNeverBack.all({ ...values, excess }) as { id: string }[];
    if (gone.length < excess)
      gone.push(
        ...(limit.endIdlest.all({ ...values, excess: excess - gone.length }) as typeof gone),
      );
    for (const { id } of gone) cache.delete(id);
    if (gone.length < excess) throw tooManyClients(maxClients);
  };
}

function finder(
  engine: Engine,
  q: ReturnType<typeof statements>,
): (owner: string, id: string) => Client | undefined {
  const cache = engine.cached.clients;
  return (owner, id) => {
    const row = cache.get(id, () => q.byId.get({ id }));
    if (row?.owner !== owner || row.endedAt !== null) return undefined;
    const times = engine.times();
    const { now, oldestClient, oldestNeverBack } = times;
    const alive =
      row.lastSeenAt > oldestClient &&
      (row.lastSeenAt !== row.createdAt || row.createdAt > oldestNeverBack);
    // Only the tables know who holds an old client.
    return alive || row.presentUntil > now ? { ...row } : q.aliveById.get({ ...times, id });
  };
}

export function sqliteClientStore(
  engine: Engine,
  usage: Usage,
  shrink: Shrink,
  subscribe: SubscriptionRows["add"],
  maxClients: number,
): ClientStore {
  const { db } = engine;
  const cache = engine.cached.clients;
  /** A write to one client. */
  const change = (id: string, act: () => unknown): Promise<void> =>
    engine.write(() => {
      act();
      cache.delete(id);
    });
  const q = statements(engine);
  const ending = endStatements(engine);
  const connecting = connectionStatements(engine);
  const makeRoom = roomMaker(engine, maxClients);
  const find = finder(engine, q);

  return {
    create: (client, subscribed) =>
      change(client.id, () => {
        db.insert(clients).values(client).run();
        if (client.lastSeenAt > 0) makeRoom(client);
        usage.checkProgram(client.id);
        if (subscribed) subscribe(client.id, subscribed.uris, subscribed.max);
      }),
    find: (owner, id) => engine.readNow(() => find(owner, id)),
    findByOwnSession: (owner, sessionId) =>
      engine.readNow(() => {
        const row = q.byOwnSession.get({ sessionId });
        return row && find(owner, row.id);
      }),
    connected: (owner, limit) =>
      engine.readNow(() => q.connected.all({ owner: owner ?? null, limit })),
    setCredentials: (id, credentials) =>
      change(id, () => q.setCredentials.run({ id, ...credentials })),
    end: (id) =>
      engine.free(() => {
        const now = engine.clock.now();
        for (const session of ending.temporary.all({ id })) shrink.remove(session.id);
        ending.end.run({ id, now });
        ending.endSubscriptions.run({ id });
        ending.emptyOutbox.run({ id });
        ending.deleteStreams.run({ id });
        cache.delete(id);
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
    changeConnections: (instanceId, { added, removed }) =>
      engine.writeRelaxed(() => {
        for (const id of added) connecting.connect.run({ id, instanceId });
        for (const id of removed) connecting.disconnect.run({ id, instanceId });
      }),
    nextEpoch: (id) =>
      engine.write(() => (q.nextEpoch.get({ id }) as { epoch: number } | undefined)?.epoch),
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
