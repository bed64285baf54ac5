// Rows of subscriptions: whose they are, and who is told of a change.
import { and, eq, type SQL, sql } from "drizzle-orm";
import { canonicalUri } from "../../../sessions/uris.ts";
import type { Change, Subscription } from "../../../updates/store.ts";
import { boundsBelow, checkSubscribed, hears, sessionOfUri } from "../../shared/clients.ts";
import { clientAlive } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared, together } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, subscriptions } from "../schema/schema.ts";

const { placeholder } = sql;

/** A subscription to one of the changed uris, or below one. */
const fits = sql`(subscriptions.uri = any(${placeholder("uris")}::text[])
  or (subscriptions.uri >= ${placeholder("from")} and subscriptions.uri < ${placeholder("to")}))`;

/** The key of an advisory lock: a new subscription to a principal's resources waits for changes that are under way. */
const lockOf = (owner: SQL): SQL =>
  sql`hashtextextended('subscriptions to what is of ' || ${owner}, 0)`;

export type SubscriptionRows = ReturnType<typeof subscriptionRows>;

export function subscriptionRows(engine: Engine, usage: Pick<Usage, "checkProgram">) {
  const q = statements(engine);

  /** The values of `fits`. */
  const placeOf = ({ uris, under: parent }: Change) =>
    parent === undefined ? { uris, from: null, to: null } : { uris, ...boundsBelow(parent) };

  return {
    /** Inside a write. @throws AppError `limit` */
    async add(clientId: string, uris: readonly string[], max: number): Promise<void> {
      const asked = new Map(uris.map((uri) => [canonicalUri(uri), uri]));
      const sessions = uris.flatMap((uri) => sessionOfUri(uri) ?? []);
      const [, , , , count] = await Promise.all([
        q.shutOut.all({ clientId, sessions }),
        q.lockClient.get({ clientId }),
        q.add.run({ clientId, uris: [...asked.keys()], asked: [...asked.values()] }),
        usage.checkProgram(clientId),
        q.count.get({ clientId }),
      ]);
      checkSubscribed(count!, max);
    },

    /** Inside a write. */
    remove: async (clientId: string, uris: readonly string[]): Promise<void> =>
      void (await q.remove.run({ clientId, uris: uris.map(canonicalUri) })),

    /**
     * Inside the write of a change: true if anybody may have to be told. Subscriptions that come from now on are behind the
     * change, and their clients read it.
     */
    async mayConcern(changes: readonly Change[]): Promise<boolean> {
      const owners = changes.map(({ owner }) => owner);
      const found = await Promise.all(
        // The first look waits for the owners of all.
        changes.map((change, at) =>
          q.mayConcern.get({ owners: at === 0 ? owners : [], ...placeOf(change) }),
        ),
      );
      return found.some((one) => one!.concerns);
    },

    /** Each client once for each uri, whatever audiences it belongs to. `atLeast`: more are not looked for. */
    async subscribersOf(changes: readonly Change[], atLeast?: number): Promise<Subscription[]> {
      const limit = atLeast === undefined ? null : atLeast + 1; // the author of the change may be among them
      const times = { ...engine.times(), limit };
      const found = await Promise.all(
        changes.map(async (change) => {
          const { owner, session = "", by } = change;
          const rows = await q.subscribers.all({ ...times, owner, session, ...placeOf(change) });
          return rows.filter(({ clientId }) => clientId !== by);
        }),
      );
      return [...new Map(found.flat().map((one) => [JSON.stringify(one), one])).values()];
    },
  };
}

function statements({ db }: Engine) {
  const ofClient = eq(subscriptions.clientId, placeholder("clientId"));
  return prepared({
    // Sorted, so that two subscribers never wait for each other.
    shutOut: () =>
      db.select({ locked: sql`pg_advisory_xact_lock(key)` }).from(
        sql`(select distinct ${lockOf(sql`owner`)} as key from (select owner from clients where id = ${placeholder("clientId")}
          union select owner from sessions where id = any(${placeholder("sessions")}::text[])) owners order by key) keys`,
      ),
    mayConcern: together({ owners: "text[]", uris: "text[]", from: "text", to: "text" }, () =>
      db
        .select({ concerns: sql<boolean>`concerns` })
        .from(
          sql`has_subscription(${placeholder("owners")}, ${placeholder("uris")}, ${placeholder("from")}, ${placeholder("to")}) as found (concerns)`,
        ),
    ),
    lockClient: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(eq(clients.id, placeholder("clientId")))
        .for("no key update"),
    add: () =>
      db
        .insert(subscriptions)
        .select(
          sql`select ${placeholder("clientId")}, uri, asked
          from unnest(${placeholder("uris")}::text[], ${placeholder("asked")}::text[]) as added (uri, asked)`,
        )
        .onConflictDoUpdate({
          target: [subscriptions.clientId, subscriptions.uri],
          set: { asked: sql`excluded.asked` },
        }),
    count: () =>
      db
        .select({
          n: sql<number>`count(*)`,
          bytes: sql<number>`coalesce(sum(octet_length(${subscriptions.uri})), 0)`,
        })
        .from(subscriptions)
        .where(ofClient),
    remove: () =>
      db
        .delete(subscriptions)
        .where(and(ofClient, sql`${subscriptions.uri} = any(${placeholder("uris")}::text[])`)),
    subscribers: () =>
      db
        .select({
          clientId: subscriptions.clientId,
          uri: sql<string>`coalesce(${subscriptions.asked}, ${subscriptions.uri})`,
        })
        .from(subscriptions)
        .innerJoin(clients, eq(clients.id, subscriptions.clientId))
        .where(and(fits, hears, clientAlive))
        .orderBy(subscriptions.clientId)
        .limit(placeholder("limit")),
  });
}
