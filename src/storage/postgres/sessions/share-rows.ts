// Shares in PostgreSQL: pending offers and accepted grants. Only grants give access.
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { Grant, SessionStore } from "../../../sessions/store.ts";
import { byPrincipal, checkOffers, checkShares, checkTaken } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { grants, sessions, shareOffers } from "../schema/schema.ts";

const { placeholder } = sql;

type ShareMethods = Pick<
  SessionStore,
  "granted" | "knows" | "grants" | "grant" | "ungrant" | "offer" | "offers" | "accept" | "leave"
>;

/**
 * Each write locks the session first. Limits that span sessions have locks of their own, which are taken last: nobody waits for
 * a session with one of them.
 */
export function postgresShares(engine: Engine, usage: Usage, writes: WriteAccess) {
  const { q, all, put, remove } = shareRows(engine, usage);
  const methods: ShareMethods = {
    granted: (id, principal) =>
      engine.read(async () => (await q.granted.get({ id, principal }))?.access),
    knows: (principal) => engine.read(async () => (await q.knows.get({ principal }))!.known),
    grants: (id) => engine.read(() => all(id)),
    grant: (id, grant, max, by) =>
      engine.writeIn(id, async () => {
        await writes.own(by, id);
        await q.withdraw.run({ id, principal: grant.principal });
        await put(q.grant, id, grant, max);
      }),
    ungrant: (id, principal, by) =>
      engine.writeIn(id, async () => {
        await writes.own(by, id);
        return remove(id, principal);
      }),
    offer: (id, grant, max, limits, by) =>
      engine.writeIn(id, async () => {
        const { principal } = grant;
        const [, granted, session] = await Promise.all([
          writes.own(by, id),
          q.granted.get({ id, principal }),
          q.owner.get({ id }),
        ]);
        if (granted !== undefined) return put(q.grant, id, grant);
        const owner = session?.owner ?? "";
        await engine.lock(`offers of ${owner}`, `offers to ${principal}`);
        await put(q.offer, id, grant, max);
        const [between, ofGiver, ofTaker] = await Promise.all([
          q.between.get({ owner, principal }),
          q.fromGiver.get({ owner }),
          q.toTaker.get({ principal }),
        ]);
        const counts = { between: between!.n, ofGiver: ofGiver!.n, ofTaker: ofTaker!.n };
        checkOffers(principal, counts, limits);
      }),
    offers: (principal) => engine.read(() => q.offers.all({ principal })),
    accept: (id, principal, max, by) =>
      engine.writeIn(id, async () => {
        const [, , , offers, taken] = await Promise.all([
          writes.lock(id),
          writes.credentials(by),
          engine.lock(`shares with ${principal}`),
          q.offers.all({ principal }),
          q.taken.get({ principal }),
        ]);
        const offer = offers.find(({ session }) => session === id);
        if (offer === undefined) return undefined;
        checkTaken(taken!.n, max);
        await q.withdraw.run({ id, principal });
        await q.grant.run({ id, principal, access: offer.access, now: engine.clock.now() });
        return offer;
      }),
    leave: (id, principal, by) =>
      engine.writeIn(id, async () => {
        await Promise.all([writes.lock(id), writes.credentials(by)]);
        return remove(id, principal);
      }),
  };
  return { methods, remove };
}

/** To be used inside a read, or inside a write that has locked the session. */
function shareRows(engine: Engine, usage: Usage) {
  const q = statementsOf(engine);
  const all = async (id: string): Promise<Grant[]> => {
    const rows = await q.all.all({ id });
    return rows
      .map(({ pending, ...grant }): Grant => ({ ...grant, ...(pending && { pending }) }))
      .toSorted(byPrincipal);
  };
  /** Adds a share or changes it, and checks the session's limits. */
  const put = async (
    statement: typeof q.grant,
    id: string,
    { principal, access }: Grant,
    max = Infinity,
  ): Promise<void> => {
    const [, shares] = await Promise.all([
      statement.run({ id, principal, access, now: engine.clock.now() }),
      all(id),
      usage.checkSession(id),
    ]);
    checkShares(shares.length, max);
  };
  /** To be called inside a write. True if there was a share of either kind. */
  const remove = async (id: string, principal: string): Promise<boolean> => {
    const gone = await Promise.all([
      q.withdraw.run({ id, principal }),
      q.ungrant.run({ id, principal }),
    ]);
    return gone.some(({ changes }) => changes > 0);
  };
  return { q, all, put, remove };
}

function statementsOf({ db }: Engine) {
  const principal = sql`${placeholder("principal")}::text`;
  const one = (table: typeof grants | typeof shareOffers) =>
    and(eq(table.sessionId, placeholder("id")), eq(table.principal, placeholder("principal")));
  const ofSession = (table: typeof grants | typeof shareOffers, pending: SQL<boolean>) =>
    db
      .select({ principal: table.principal, access: table.access, pending: pending.as("pending") })
      .from(table)
      .where(eq(table.sessionId, placeholder("id")));
  const put = (table: typeof grants | typeof shareOffers) =>
    db
      .insert(table)
      .values({
        sessionId: placeholder("id"),
        principal: placeholder("principal"),
        access: placeholder("access"),
        createdAt: placeholder("now"),
      })
      .onConflictDoUpdate({
        target: [table.sessionId, table.principal],
        set: { access: sql`excluded.access` },
      });
  const count = (where: SQL) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(shareOffers)
      .innerJoin(sessions, eq(sessions.id, shareOffers.sessionId))
      .where(where);
  const toTaker = sql`share_offers.principal = ${principal}`;
  const fromGiver = sql`sessions.owner = ${placeholder("owner")}`;

  return prepared({
    granted: () => db.select({ access: grants.access }).from(grants).where(one(grants)),
    knows: () =>
      db
        .select({
          known: sql<boolean>`(${principal} = 'local'
          or exists (select 1 from sessions s where s.owner = ${principal})
          or exists (select 1 from api_keys where principal = ${principal} and revoked_at is null)
          or exists (select 1 from clients where owner = ${principal})
          or exists (select 1 from audit where principal = ${principal}))`,
        })
        .from(sql`(select 1) as one`),
    all: () => ofSession(grants, sql`false`).unionAll(ofSession(shareOffers, sql`true`)),
    offers: () =>
      db
        .select({
          session: shareOffers.sessionId,
          owner: sessions.owner,
          access: shareOffers.access,
        })
        .from(shareOffers)
        .innerJoin(sessions, eq(sessions.id, shareOffers.sessionId))
        .where(eq(shareOffers.principal, placeholder("principal")))
        .orderBy(asc(shareOffers.createdAt), asc(shareOffers.sessionId)),
    owner: () =>
      db
        .select({ owner: sessions.owner })
        .from(sessions)
        .where(eq(sessions.id, placeholder("id"))),
    taken: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(grants)
        .where(eq(grants.principal, placeholder("principal"))),
    toTaker: () => count(toTaker),
    fromGiver: () => count(fromGiver),
    between: () => count(sql`${toTaker} and ${fromGiver}`),
    grant: () => put(grants),
    offer: () => put(shareOffers),
    ungrant: () => db.delete(grants).where(one(grants)),
    withdraw: () => db.delete(shareOffers).where(one(shareOffers)),
  });
}
