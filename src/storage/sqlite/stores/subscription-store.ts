// Subscriptions and outboxes in SQLite.
import { and, asc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import { canonicalUri, parseSessionUri } from "../../../sessions/uris.ts";
import {
  MAX_OUTBOX,
  MAX_SUBSCRIBED_BYTES,
  type Change,
  type Notice,
  type Subscription,
  type SubscriptionStore,
} from "../../../updates/store.ts";
import { isFull } from "../disk/ballast.ts";
import { clientAlive, withFirst, type Engine } from "../engine/engine.ts";
import { clients, outbox, subscriptions } from "../schema/schema.ts";
import type { Usage } from "../limits/usage.ts";
import { lazily } from "../engine/statements.ts";

const { placeholder } = sql;

const sessionOf = (uri: string): string | undefined => {
  const place = parseSessionUri(uri);
  return place && "id" in place ? place.id : undefined;
};

export function sqliteSubscriptionStore(
  engine: Engine,
  usage: Pick<Usage, "checkProgram" | "hasProgramRoom">,
): SubscriptionStore {
  const { db, clock } = engine;
  const ofClient = eq(subscriptions.clientId, placeholder("clientId"));
  const inOutbox = eq(outbox.clientId, placeholder("clientId"));
  const hears = sql`(${clients.owner} = ${placeholder("owner")} or exists (select 1 from grants
    where grants.session_id = ${placeholder("session")} and grants.principal = clients.owner))`;
  /** The audience's living clients whose subscriptions fulfil a condition. */
  const subscribers = (condition: SQL | undefined) =>
    db
      .select({
        clientId: subscriptions.clientId,
        uri: sql<string>`coalesce(${subscriptions.asked}, ${subscriptions.uri})`,
      })
      .from(subscriptions)
      .innerJoin(clients, eq(clients.id, subscriptions.clientId))
      .where(and(condition, hears, clientAlive))
      .limit(placeholder("limit"))
      .prepare();

  const q = lazily({
    add: () =>
      db
        .insert(subscriptions)
        .values({
          clientId: placeholder("clientId"),
          uri: placeholder("uri"),
          asked: placeholder("asked"),
        })
        .onConflictDoUpdate({
          target: [subscriptions.clientId, subscriptions.uri],
          set: { asked: sql`excluded.asked` },
        })
        .prepare(),
    count: () =>
      db
        .select({
          n: sql<number>`count(*)`,
          bytes: sql<number>`sum(octet_length(${subscriptions.uri}))`,
        })
        .from(subscriptions)
        .where(ofClient)
        .prepare(),
    any: () => db.select({ uri: subscriptions.uri }).from(subscriptions).limit(1).prepare(),
    remove: () =>
      db
        .delete(subscriptions)
        .where(and(ofClient, eq(subscriptions.uri, placeholder("uri"))))
        .prepare(),
    subscribers: () => subscribers(eq(subscriptions.uri, placeholder("uri"))),
    subscribersBelow: () =>
      subscribers(
        and(gte(subscriptions.uri, placeholder("from")), lt(subscriptions.uri, placeholder("to"))),
      ),
    client: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(eq(clients.id, placeholder("clientId")))
        .prepare(),
    isWaiting: () =>
      db
        .select({ id: outbox.id })
        .from(outbox)
        .where(and(inOutbox, eq(outbox.data, placeholder("data"))))
        .limit(1)
        .prepare(),
    post: () =>
      db
        .insert(outbox)
        .values({
          clientId: placeholder("clientId"),
          data: placeholder("data"),
          createdAt: placeholder("now"),
          sessionId: placeholder("session"),
        })
        .prepare(),
    bound: () =>
      db
        .delete(outbox)
        .where(
          sql`${outbox.id} in (select id from outbox where client_id = ${placeholder("clientId")}
          order by id desc limit -1 offset ${MAX_OUTBOX})`,
        )
        .prepare(),
    waiting: () => db.select({ id: outbox.id }).from(outbox).where(inOutbox).limit(1).prepare(),
    all: () =>
      db
        .select({ data: outbox.data })
        .from(outbox)
        .where(inOutbox)
        .orderBy(asc(outbox.id))
        .prepare(),
    empty: () => db.delete(outbox).where(inOutbox).prepare(),
  });
  /** Inside a write: what a client that has gone since it was looked up would get is nobody's. */
  const put = (clientId: string, data: string, session?: string): void => {
    if (q.client.get({ clientId }) === undefined) return;
    q.post.run({ clientId, data, session: session ?? null, now: clock.now() });
    q.bound.run({ clientId });
  };
  /** True if there are subscriptions at a version of the data: most changes have no subscriber. */
  let known = { version: undefined as unknown, any: true };
  const hasAny = (): boolean => {
    const now = engine.dataVersion.current;
    if (known.version !== now) known = { version: now, any: q.any.get() !== undefined };
    return known.any;
  };

  /** "0" follows "/" in the order of bytes. */
  const under = (uri: string) => ({ from: `${uri}/`, to: `${uri}0` });

  /** Each client once for each uri, whatever audiences it belongs to. `atLeast`: more are not looked for. */
  const subscribersOf = (changes: readonly Change[], atLeast?: number): Subscription[] => {
    if (!hasAny()) return [];
    const limit = atLeast === undefined ? -1 : atLeast + 1; // whoever made the change may be among them
    const times = { ...engine.times(), limit };
    const found = changes.flatMap(({ owner, session = "", by, uris, under: parent }) => {
      const audience = { ...times, owner, session };
      const rows = [
        ...(parent === undefined ? [] : q.subscribersBelow.all({ ...audience, ...under(parent) })),
        ...uris.flatMap((uri) => q.subscribers.all({ ...audience, uri })),
      ];
      return rows.filter(({ clientId }) => clientId !== by);
    });
    return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
  };

  /** Inside a write: what is waiting already says as much, and a principal without room is not told. */
  const announce = (notices: readonly Notice[]): void => {
    for (const { clientId, data, uri } of notices)
      if (q.isWaiting.get({ clientId, data }) === undefined && usage.hasProgramRoom(clientId))
        put(clientId, data, sessionOf(uri));
  };

  return {
    subscribe: ({ clientId, uri }, max) =>
      engine.write(() => {
        known.any = true;
        q.add.run({ clientId, uri: canonicalUri(uri), asked: uri });
        usage.checkProgram(clientId);
        const { n, bytes } = q.count.get({ clientId })!;
        if (n > max) throw new AppError("limit", `A client can have at most ${max} subscriptions.`);
        if (bytes > MAX_SUBSCRIBED_BYTES)
          throw new AppError(
            "limit",
            `The uris of a client's subscriptions can have at most ${MAX_SUBSCRIBED_BYTES} bytes in all.`,
          );
      }),

    unsubscribe: ({ clientId, uri }) =>
      engine.write(() => void q.remove.run({ clientId, uri: canonicalUri(uri) })),

    subscribers: (changes) => engine.readNow(() => subscribersOf(changes)),

    async notifyWith({ changes, message, tells, most, onTold }, act) {
      let found: Subscription[] = [];
      const companion = withFirst((result) => {
        if (!tells(result)) return false;
        try {
          found = subscribersOf(changes, most + 1);
          const told = found.slice(0, most);
          announce(told.map((one) => ({ ...one, data: message(one.uri) })));
        } catch (error) {
          if (isFull(error)) throw error; // it may have undone the change too
          found = [];
        }
        return true;
      });
      try {
        return await engine.accompany(companion, act);
      } finally {
        if (found.length > 0) onTold(found.slice(0, most), found.length > most);
      }
    },

    post: (messages) =>
      engine.write(() => {
        for (const { clientId, data } of messages) put(clientId, data);
      }),

    announce: (notices) => engine.write(() => announce(notices)),

    waiting: (clientIds) =>
      engine.readNow(() =>
        clientIds.filter((clientId) => q.waiting.get({ clientId }) !== undefined),
      ),

    take: (clientId) =>
      engine.write(() => {
        const messages = q.all.all({ clientId }).map(({ data }) => data);
        if (messages.length > 0) q.empty.run({ clientId });
        return messages;
      }),
  };
}
