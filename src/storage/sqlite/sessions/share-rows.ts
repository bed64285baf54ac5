// Shares in SQLite: pending offers and accepted grants. Only grants give access.
import { and, asc, eq, sql } from "drizzle-orm";
import type { Grant, SessionStore } from "../../../sessions/store.ts";
import { byPrincipal, checkOffers, checkShares, checkTaken } from "../../shared/sessions.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { grants, sessions, shareOffers } from "../schema/schema.ts";

const { placeholder } = sql;

type ShareMethods = Pick<
  SessionStore,
  "granted" | "knows" | "grants" | "grant" | "ungrant" | "offer" | "offers" | "accept" | "leave"
>;

function statements({ db }: Engine) {
  const one = (table: typeof grants | typeof shareOffers) =>
    and(eq(table.sessionId, placeholder("id")), eq(table.principal, placeholder("principal")));
  const count = (where: ReturnType<typeof sql>) =>
    db
      .select({ n: sql<number>`count(*)` })
      .from(shareOffers)
      .innerJoin(sessions, eq(sessions.id, shareOffers.sessionId))
      .where(where)
      .prepare();
  const toTaker = sql`share_offers.principal = ${placeholder("principal")}`;
  const fromGiver = sql`sessions.owner = ${placeholder("owner")}`;

  return lazily({
    granted: () => db.select({ access: grants.access }).from(grants).where(one(grants)).prepare(),
    knows: () =>
      db
        .select({
          known: sql<number>`${placeholder("principal")} = 'local'
          or exists (select 1 from sessions s where s.owner = ${placeholder("principal")})
          or exists (select 1 from api_keys where principal = ${placeholder("principal")} and revoked_at is null)
          or exists (select 1 from clients where owner = ${placeholder("principal")})
          or exists (select 1 from audit where principal = ${placeholder("principal")})`,
        })
        .from(sql`(select 1)`)
        .prepare(),
    grants: () =>
      db
        .select({ principal: grants.principal, access: grants.access })
        .from(grants)
        .where(eq(grants.sessionId, placeholder("id")))
        .prepare(),
    pending: () =>
      db
        .select({ principal: shareOffers.principal, access: shareOffers.access })
        .from(shareOffers)
        .where(eq(shareOffers.sessionId, placeholder("id")))
        .prepare(),
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
        .orderBy(asc(shareOffers.createdAt), asc(shareOffers.sessionId))
        .prepare(),
    owner: () =>
      db
        .select({ owner: sessions.owner })
        .from(sessions)
        .where(eq(sessions.id, placeholder("id")))
        .prepare(),
    taken: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(grants)
        .where(eq(grants.principal, placeholder("principal")))
        .prepare(),
    toTaker: () => count(toTaker),
    fromGiver: () => count(fromGiver),
    between: () => count(sql`${toTaker} and ${fromGiver}`),
    ungrant: () => db.delete(grants).where(one(grants)).prepare(),
    withdraw: () => db.delete(shareOffers).where(one(shareOffers)).prepare(),
  });
}

export function sqliteShares(engine: Engine, usage: Usage, writes: WriteAccess) {
  const { db, clock } = engine;
  const q = statements(engine);

  const put = (table: typeof grants | typeof shareOffers, id: string, grant: Grant): void => {
    const { principal, access } = grant;
    db.insert(table)
      .values({ sessionId: id, principal, access, createdAt: clock.now() })
      .onConflictDoUpdate({ target: [table.sessionId, table.principal], set: { access } })
      .run();
  };
  const all = (id: string): Grant[] =>
    [
      ...q.grants.all({ id }),
      ...q.pending.all({ id }).map((one) => ({ ...one, pending: true as const })),
    ].toSorted(byPrincipal);
  const checkSession = (id: string, max: number): void => {
    checkShares(all(id).length, max);
    usage.checkSession(id);
  };
  /** To be called inside a write. True if there was a share of either kind. */
  const remove = (id: string, principal: string): boolean =>
    q.withdraw.run({ id, principal }).changes + q.ungrant.run({ id, principal }).changes > 0;

  const methods: ShareMethods = {
    granted: (id, principal) => engine.readNow(() => q.granted.get({ id, principal })?.access),
    knows: (principal) => engine.readNow(() => q.knows.get({ principal })!.known === 1),
    grants: (id) => engine.readDurable(() => all(id)),
    grant: (id, grant, max, by) =>
      engine.write(() => {
        writes.own(by, id);
        q.withdraw.run({ id, principal: grant.principal });
        put(grants, id, grant);
        checkSession(id, max);
      }),
    ungrant: (id, principal, by) =>
      engine.free(() => {
        writes.own(by, id);
        return remove(id, principal);
      }),
    offer: (id, grant, max, limits, by) =>
      engine.write(() => {
        writes.own(by, id);
        const { principal } = grant;
        if (q.granted.get({ id, principal }) !== undefined) return put(grants, id, grant);
        put(shareOffers, id, grant);
        checkSession(id, max);
        const owner = q.owner.get({ id })?.owner ?? "";
        const counts = {
          between: q.between.get({ owner, principal })!.n,
          ofGiver: q.fromGiver.get({ owner })!.n,
          ofTaker: q.toTaker.get({ principal })!.n,
        };
        checkOffers(principal, counts, limits);
      }),
    offers: (principal) => engine.readDurable(() => q.offers.all({ principal })),
    accept: (id, principal, max, by) =>
      engine.write(() => {
        writes.credentials(by);
        const offer = q.offers.all({ principal }).find(({ session }) => session === id);
        if (offer === undefined) return undefined;
        checkTaken(q.taken.get({ principal })!.n, max);
        q.withdraw.run({ id, principal });
        put(grants, id, { principal, access: offer.access });
        return offer;
      }),
    leave: (id, principal, by) =>
      engine.free(() => {
        writes.credentials(by);
        return remove(id, principal);
      }),
  };
  return { methods, remove };
}
