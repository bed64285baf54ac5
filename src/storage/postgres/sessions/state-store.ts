// Key/value state in PostgreSQL: one row a key. The primary key serves reads, prefixes and the count.
import { and, asc, between, eq, gt, gte, sql } from "drizzle-orm";
import { onPage } from "../../../lib/page.ts";
import type { StateRange, StateStore } from "../../../state/store.ts";
import { checkVersion, endOf, tooManyKeys } from "../../shared/state.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessionState } from "../schema/schema.ts";
import { stateColumns, statePut } from "./state-rows.ts";

const { placeholder } = sql;

export function postgresStateStore(engine: Engine, usage: Usage, access: WriteAccess): StateStore {
  const q = statementsOf(engine);
  // Names the column so that the partial index on expires_at serves the query.
  const expired = sql`(${sessionState.expiresAt} is not null and ${sessionState.expiresAt} <= ${placeholder("now")})`;

  /** At most one entry more than `limit`. */
  const sizesOf = (
    sessionId: string,
    { prefix, after, limit }: StateRange & { limit: number },
  ): Promise<{ key: string; bytes: number }[]> => {
    const [end, now] = [endOf(prefix), engine.clock.now()];
    return q.sizes.all({ sessionId, prefix, end, after, limit: limit + 1, now });
  };

  return {
    get: (sessionId, key) =>
      engine.read(() => q.get.get({ sessionId, key, now: engine.clock.now() })),

    set: (sessionId, { key, value, expiresAt, ifVersion, maxKeys, by }) =>
      engine.writeIn(sessionId, async () => {
        const now = engine.clock.now();
        const [, current, others] = await Promise.all([
          access.modify(by, sessionId),
          q.get.get({ sessionId, key, now }),
          q.othersOfNew.get({ sessionId, key, now }),
        ]);
        checkVersion(key, ifVersion, current?.version);
        if (current === undefined && others!.n >= maxKeys) throw tooManyKeys(maxKeys);
        const version = (current?.version ?? 0) + 1;
        const grows = bytesOf(value) > bytesOf(current?.value ?? "");
        const [entry] = await Promise.all([
          q.put.get({ sessionId, key, value, version, updatedAt: now, expiresAt }),
          grows && usage.checkState(sessionId),
        ]);
        return entry!;
      }),

    delete: (sessionId, key, ifVersion, by) =>
      engine.writeIn(sessionId, async () => {
        const [, current] = await Promise.all([
          access.modify(by, sessionId),
          q.get.get({ sessionId, key, now: engine.clock.now() }),
        ]);
        checkVersion(key, ifVersion, current?.version);
        await q.delete.run({ sessionId, key });
        return current !== undefined;
      }),

    list: (sessionId, { prefix, after, ...bounds }) =>
      engine.snapshot(async () => {
        const sizes = await sizesOf(sessionId, { prefix, after, limit: bounds.limit });
        const count = onPage(
          sizes.map(({ bytes }) => bytes),
          bounds,
        );
        if (count === 0) return { entries: [] };
        const [first, last] = [sizes[0]!.key, sizes[count - 1]!.key];
        const entries = await q.between.all({ sessionId, first, last, now: engine.clock.now() });
        return { entries, ...(count < sizes.length && { nextAfter: last }) };
      }),

    keys: (sessionId, range) =>
      engine.read(async () => {
        const found = (await sizesOf(sessionId, range)).map(({ key }) => key);
        const keys = found.slice(0, range.limit);
        return { keys, ...(keys.length < found.length && { nextAfter: keys.at(-1)! }) };
      }),

    ...postgresExpiring(engine, sessionState, expired, () => ({ now: engine.times().passed })),
  };
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

function statementsOf(engine: Engine) {
  const { db } = engine;
  const inSession = eq(sessionState.sessionId, placeholder("sessionId"));
  const byKey = and(inSession, eq(sessionState.key, placeholder("key")));
  const alive = sql`(${sessionState.expiresAt} is null or ${sessionState.expiresAt} > ${placeholder("now")})`;
  return prepared({
    get: () => db.select(stateColumns).from(sessionState).where(and(byKey, alive)),
    /** The number of keys, counted only if this one is new. */
    othersOfNew: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessionState)
        .where(
          and(
            inSession,
            alive,
            sql`not exists (select 1 from session_state as this where this.session_id = ${placeholder("sessionId")}
              and this.key = ${placeholder("key")} and (this.expires_at is null or this.expires_at > ${placeholder("now")}))`,
          ),
        ),
    put: () => statePut(engine),
    delete: () => db.delete(sessionState).where(byKey),
    /** The sizes of values, which PostgreSQL knows without reading them. */
    sizes: () =>
      db
        .select({ key: sessionState.key, bytes: sql<number>`octet_length(${sessionState.value})` })
        .from(sessionState)
        .where(
          and(
            inSession,
            gte(sessionState.key, placeholder("prefix")),
            sql`(${placeholder("end")}::text is null or ${sessionState.key} < ${placeholder("end")})`,
            gt(sessionState.key, placeholder("after")),
            alive,
          ),
        )
        .orderBy(asc(sessionState.key))
        .limit(placeholder("limit")),
    between: () =>
      db
        .select(stateColumns)
        .from(sessionState)
        .where(
          and(
            inSession,
            between(sessionState.key, placeholder("first"), placeholder("last")),
            alive,
          ),
        )
        .orderBy(asc(sessionState.key)),
  });
}
