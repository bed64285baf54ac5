// Rows of subscriptions: whose they are, and who is told of a change.
import { and, eq, gte, lt, type SQL, sql } from "drizzle-orm";
import { canonicalUri } from "../../../sessions/uris.ts";
import type { Change, Subscription } from "../../../updates/store.ts";
import { boundsBelow, checkSubscribed, hears } from "../../shared/clients.ts";
import { clientAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, subscriptions } from "../schema/schema.ts";

const { placeholder } = sql;

export type SubscriptionRows = ReturnType<typeof subscriptionRows>;

const ofClient = eq(subscriptions.clientId, placeholder("clientId"));

function statements({ db }: Engine) {
  /** The audience's live clients whose subscriptions fulfil a condition. */
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
  return lazily({
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
  });
}

export function subscriptionRows(engine: Engine, usage: Pick<Usage, "checkProgram">) {
  const q = statements(engine);
  /** True if there are subscriptions at a version of the data: most changes have no subscriber. */
  let known = { version: undefined as unknown, any: true };
  const hasAny = (): boolean => {
    const now = engine.dataVersion.current;
    if (known.version !== now) known = { version: now, any: q.any.get() !== undefined };
    return known.any;
  };

  return {
    /** Inside a write. @throws AppError `limit` */
    add(clientId: string, uris: readonly string[], max: number): void {
      known.any = true;
      for (const uri of uris) q.add.run({ clientId, uri: canonicalUri(uri), asked: uri });
      usage.checkProgram(clientId);
      checkSubscribed(q.count.get({ clientId })!, max);
    },

    /** Inside a write. */
    remove(clientId: string, uris: readonly string[]): void {
      for (const uri of uris) q.remove.run({ clientId, uri: canonicalUri(uri) });
    },

    /** Each client once for each uri, whatever audiences it belongs to. `atLeast`: more are not looked for. */
    subscribersOf(changes: readonly Change[], atLeast?: number): Subscription[] {
      if (!hasAny()) return [];
      const limit = atLeast === undefined ? -1 : atLeast + 1; // the author of the change may be among them
      const times = { ...engine.times(), limit };
      const found = changes.flatMap(({ owner, session = "", by, uris, under: parent }) => {
        const audience = { ...times, owner, session };
        const rows = [
          ...(parent === undefined
            ? []
            : q.subscribersBelow.all({ ...audience, ...boundsBelow(parent) })),
          ...uris.flatMap((uri) => q.subscribers.all({ ...audience, uri })),
        ];
        return rows.filter(({ clientId }) => clientId !== by);
      });
      return [...new Map(found.map((one) => [JSON.stringify(one), one])).values()];
    },
  };
}
