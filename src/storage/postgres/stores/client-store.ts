// Clients in PostgreSQL.
import { and, desc, eq, getTableColumns, isNull, sql } from "drizzle-orm";
import type { Client, Session } from "../../../sessions/session.ts";
import type { ClientStore } from "../../../sessions/store.ts";
import { endedClient } from "../../shared/clients.ts";
import { clientAlive, clientExpired, sessionAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import type { Reads, SessionAhead } from "../engine/read-ahead.ts";
import { prepared, together } from "../engine/statements.ts";
import type { ValueTypes } from "../engine/together.ts";
import { postgresClientRoom } from "../limits/client-room.ts";
import type { Usage } from "../limits/usage.ts";
import {
  clients,
  connections,
  outbox,
  sessions,
  streams,
  subscriptions,
} from "../schema/schema.ts";
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

/** Types of `ExpiryTimes`. */
const TIMES: ValueTypes = {
  ...{ now: "bigint", passed: "bigint", oldest: "bigint" },
  ...{ oldestClient: "bigint", oldestNeverBack: "bigint" },
};

const { epoch: _epoch, ...clientColumns } = getTableColumns(clients);

export function postgresClientStore(
  engine: Engine,
  usage: Pick<Usage, "checkProgram">,
  subscribe: SubscriptionRows["add"],
  maxClients: number,
): ClientStore & { ahead(id: string): Reads } {
  const { db } = engine;
  const q = statements(engine);
  const connection = connectionStatements(engine);
  const end = endStatements(engine);
  const ahead = aheadStatements(engine);
  const find = (id: string) => q.find.get({ ...engine.times(), id });
  const makeRoom = postgresClientRoom(engine, maxClients);
  return {
    create: (client, subscribed) =>
      engine.write(async () => {
        if (client.lastSeenAt > 0) await makeRoom(client);
        await Promise.all([
          db.insert(clients).values(client).execute(),
          usage.checkProgram(client.id),
        ]);
        if (subscribed) await subscribe(client.id, subscribed.uris, subscribed.max);
      }),
    find: (owner, id) =>
      engine.read(async () => {
        const client = await (engine.ahead.take<Client | undefined>(`client ${id}`) ?? find(id));
        return client?.owner === owner ? client : undefined;
      }),
    findByOwnSession: (owner, sessionId) =>
      engine.read(() => q.findByOwnSession.get({ ...engine.times(), owner, sessionId })),
    connected: (owner, limit) =>
      engine.read(() => q.connected.all({ owner: owner ?? null, limit })),
    setCredentials: (id, credentials) =>
      engine.write(async () => void (await q.setCredentials.run({ id, ...credentials }))),
    end: (id) =>
      engine.write(async () => {
        const now = engine.clock.now();
        // All rows that others may hold are locked before the first deletion.
        await Promise.all([
          end.lockTemporary.all({ id }),
          end.client.run({ id, now }),
          end.lockStreams.all({ id }),
          end.temporary.run({ id }),
          end.subscriptions.run({ id }),
          end.outbox.run({ id }),
          end.streams.run({ id }),
        ]);
      }),
    setLogLevel: (id, level) =>
      engine.write(async () => void (await q.setLogLevel.run({ id, level }))),
    setSession: (id, sessionId) =>
      engine.write(async () => void (await q.setSession.run({ id, sessionId }))),
    present: (ids, until) =>
      engine.write(async () => void (await q.present.run({ ids, now: engine.clock.now(), until }))),
    changeConnections: (instanceId, { added, removed }) =>
      engine.inOrder(`connections of ${instanceId}`, () =>
        engine.writeRelaxed(async () => {
          await Promise.all([
            added.length > 0 && connection.add.run({ ids: added, instanceId }),
            removed.length > 0 && connection.remove.run({ ids: removed, instanceId }),
          ]);
        }),
      ),
    nextEpoch: (id) => engine.write(async () => (await q.nextEpoch.get({ id }))?.epoch),
    touch: (times) =>
      engine.write(
        async () => void (await q.touch.run({ ids: [...times.keys()], ats: [...times.values()] })),
      ),
    ...postgresExpiring(engine, clients, clientExpired, () => engine.times()),
    ahead(id: string) {
      const found = ahead.clientAndSession.get({ ...engine.times(), id });
      return {
        [`client ${id}`]: found.then((rows) => rows?.client),
        session: found.then(placeOf),
      };
    },
  };
}

function statements({ db }: Engine) {
  const byId = eq(clients.id, placeholder("id"));
  /** Several clients, locked in the order of their ids, as by everybody who locks several. */
  const byIds = sql`clients.id in (select locked.id from clients locked where locked.id = any(${placeholder("ids")}::text[])
    order by locked.id for no key update)`;
  const { owner } = clients;
  return prepared({
    find: () => db.select(clientColumns).from(clients).where(and(byId, clientAlive)),
    findByOwnSession: () =>
      db
        .select(clientColumns)
        .from(clients)
        .where(
          and(
            eq(clients.ownSessionId, placeholder("sessionId")),
            eq(owner, placeholder("owner")),
            clientAlive,
          ),
        )
        .limit(1),
    connected: () =>
      db
        .select(CONNECTED)
        .from(clients)
        .where(
          sql`ended_at is null and id in (select client_id from connections) and (${placeholder("owner")}::text is null or owner = ${placeholder("owner")})`,
        )
        .orderBy(desc(clients.lastSeenAt))
        .limit(placeholder("limit")),
    setLogLevel: () =>
      db
        .update(clients)
        .set({ logLevel: sql`${placeholder("level")}` })
        .where(byId),
    setCredentials: () =>
      db
        .update(clients)
        .set({
          credentials: sql`${placeholder("credentials")}`,
          scope: sql`${placeholder("scope")}`,
        })
        .where(byId),
    setSession: () =>
      db
        .update(clients)
        .set({ sessionId: sql`${placeholder("sessionId")}` })
        .where(byId),
    present: () =>
      db
        .update(clients)
        .set({
          // 0 stays 0: such a client was never seen, and only its connection keeps it alive.
          lastSeenAt: sql`case when ${clients.lastSeenAt} = 0 then 0
            else greatest(${clients.lastSeenAt}, ${placeholder("now")}::bigint) end`,
          presentUntil: sql`${placeholder("until")}`,
        })
        .where(byIds),
    nextEpoch: () =>
      db
        .update(clients)
        .set({ epoch: sql`${clients.epoch} + 1` })
        .where(and(byId, isNull(clients.endedAt)))
        .returning({ epoch: clients.epoch }),
    touch: () =>
      db
        .update(clients)
        .set({
          // Later than `createdAt`, also in the same millisecond: the client has come back.
          lastSeenAt: sql`greatest(${clients.lastSeenAt}, seen.at, ${clients.createdAt} + 1)`,
        })
        .from(
          sql`unnest(${placeholder("ids")}::text[], ${placeholder("ats")}::bigint[]) as seen (id, at)`,
        )
        .where(sql`clients.id = seen.id and ${byIds}`),
  });
}

/** The session that a client worked in last, which may be gone, or not made yet. */
const placeOf = (rows?: {
  client: Pick<Client, "sessionId" | "ownSessionId">;
  session: Session | null;
}): SessionAhead | undefined =>
  rows && {
    id: rows.client.sessionId ?? rows.client.ownSessionId,
    session: rows.session ?? undefined,
  };

function aheadStatements({ db }: Engine) {
  return prepared({
    /** A client with the session that it worked in last. */
    clientAndSession: together({ id: "text", ...TIMES }, () =>
      db
        .select({ client: clientColumns, session: sessions })
        .from(clients)
        .leftJoin(
          sessions,
          and(
            sql`${sessions.id} = coalesce(${clients.sessionId}, ${clients.ownSessionId})`,
            sessionAlive,
          ),
        )
        .where(and(eq(clients.id, placeholder("id")), clientAlive)),
    ),
  });
}

/** The statements that end a client. */
function endStatements({ db }: Engine) {
  const byId = eq(clients.id, placeholder("id"));
  const ofClient = eq(streams.clientId, placeholder("id"));
  const temporary = and(eq(sessions.openedBy, placeholder("id")), eq(sessions.pinned, false));
  return prepared({
    lockTemporary: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(temporary)
        .orderBy(sessions.id)
        .for("update"),
    client: () => db.update(clients).set(endedClient).where(byId),
    lockStreams: () =>
      db.select({ id: streams.id }).from(streams).where(ofClient).orderBy(streams.id).for("update"),
    temporary: () => db.delete(sessions).where(temporary),
    subscriptions: () =>
      db.delete(subscriptions).where(eq(subscriptions.clientId, placeholder("id"))),
    outbox: () => db.delete(outbox).where(eq(outbox.clientId, placeholder("id"))),
    streams: () => db.delete(streams).where(ofClient),
  });
}

/** The statements on connections to processes. */
function connectionStatements({ db }: Engine) {
  return prepared({
    // Clients and instances that are found stay until the commit.
    add: () =>
      db
        .insert(connections)
        .select(
          sql`select clients.id, instances.id from clients, instances
          where clients.id = any(${placeholder("ids")}::text[]) and instances.id = ${placeholder("instanceId")}
          for key share`,
        )
        .onConflictDoNothing(),
    remove: () =>
      db
        .delete(connections)
        .where(
          and(
            sql`${connections.clientId} = any(${placeholder("ids")}::text[])`,
            eq(connections.instanceId, placeholder("instanceId")),
          ),
        ),
  });
}
