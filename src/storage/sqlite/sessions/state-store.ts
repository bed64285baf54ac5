// Key/value state in SQLite: one row a key. The primary key serves reads, prefixes and the count.
import { and, asc, between, desc, eq, gt, gte, sql } from "drizzle-orm";
import { onPage } from "../../../lib/page.ts";
import type { StateRange, StateStore } from "../../../state/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { checkVersion, endOf, tooManyKeys } from "../../shared/state.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions, sessionState } from "../schema/schema.ts";
import { stateColumns, statePut } from "./state-rows.ts";

const { placeholder } = sql;

const MAX_VALUE = 2_000; // characters

const recentColumns = {
  session: sessions.id,
  title: sessions.title,
  key: sessionState.key,
  value: sql<string>`substr(${sessionState.value}, 1, ${sql.raw(String(MAX_VALUE))})`,
  updatedAt: sessionState.updatedAt,
};

const inSession = eq(sessionState.sessionId, placeholder("sessionId"));
const byKey = and(inSession, eq(sessionState.key, placeholder("key")));
const alive = sql`(${sessionState.expiresAt} is null or ${sessionState.expiresAt} > ${placeholder("now")})`;

const valueBytes = sql<number>`octet_length(${sessionState.value})`;

function statements(engine: Engine) {
  const { db } = engine;
  return lazily({
    get: () => db.select(stateColumns).from(sessionState).where(and(byKey, alive)).prepare(),
    /** SQLite knows the size of a value without reading it. */
    current: () =>
      db
        .select({ version: sessionState.version, bytes: valueBytes })
        .from(sessionState)
        .where(and(byKey, alive))
        .prepare(),
    count: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(sessionState)
        .where(and(inSession, alive))
        .prepare(),
    put: () => statePut(engine),
    delete: () => db.delete(sessionState).where(byKey).prepare(),
    sizes: () =>
      db
        .select({ key: sessionState.key, bytes: valueBytes })
        .from(sessionState)
        .where(
          and(
            inSession,
            gte(sessionState.key, placeholder("prefix")),
            sql`(${placeholder("end")} is null or ${sessionState.key} < ${placeholder("end")})`,
            gt(sessionState.key, placeholder("after")),
            alive,
          ),
        )
        .orderBy(asc(sessionState.key))
        .limit(placeholder("limit"))
        .prepare(),
    recentIn: () =>
      db
        .select(recentColumns)
        .from(sessionState)
        .innerJoin(sessions, eq(sessions.id, sessionState.sessionId))
        .where(and(inSession, alive))
        .orderBy(desc(sessionState.updatedAt))
        .limit(placeholder("limit"))
        .prepare(),
    recentOf: () =>
      db
        .select(recentColumns)
        .from(sessions)
        .innerJoin(sessionState, eq(sessionState.sessionId, sessions.id))
        .where(
          and(
            sql`(${sessions.owner} = ${placeholder("principal")} or ${sessions.id} in (select session_id from grants
              where principal = ${placeholder("principal")}))`,
            alive,
            sessionAlive,
          ),
        )
        .orderBy(desc(sessions.lastActiveAt))
        .limit(placeholder("limit"))
        .prepare(),
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
        .orderBy(asc(sessionState.key))
        .prepare(),
  });
}

export function sqliteStateStore(engine: Engine, usage: Usage, access: WriteAccess): StateStore {
  // Names the column so that the partial index on expires_at serves the query.
  const expired = sql`(${sessionState.expiresAt} is not null and ${sessionState.expiresAt} <= ${placeholder("now")})`;

  const q = statements(engine);

  /** At most one entry more than `limit`. */
  const sizesOf = (
    sessionId: string,
    { prefix, after, limit }: StateRange & { limit: number },
  ): { key: string; bytes: number }[] => {
    const [end, now] = [endOf(prefix), engine.clock.now()];
    return q.sizes.all({ sessionId, prefix, end, after, limit: limit + 1, now });
  };

  return {
    get: (sessionId, key) =>
      engine.readDurable(() => q.get.get({ sessionId, key, now: engine.clock.now() })),

    set: (sessionId, { key, value, expiresAt, ifVersion, maxKeys, by }) =>
      engine.write(() => {
        access.modify(by, sessionId);
        const now = engine.clock.now();
        const current = q.current.get({ sessionId, key, now });
        checkVersion(key, ifVersion, current?.version);
        if (current === undefined && q.count.get({ sessionId, now })!.n >= maxKeys)
          throw tooManyKeys(maxKeys);
        const version = (current?.version ?? 0) + 1;
        const entry = { key, value, version, updatedAt: now, expiresAt };
        q.put.run({ sessionId, ...entry });
        if (bytesOf(value) > (current?.bytes ?? 0)) usage.checkState(sessionId);
        return entry;
      }),

    delete: (sessionId, key, ifVersion, by) =>
      engine.free(() => {
        access.modify(by, sessionId);
        const current = q.current.get({ sessionId, key, now: engine.clock.now() });
        checkVersion(key, ifVersion, current?.version);
        q.delete.run({ sessionId, key });
        return current !== undefined;
      }),

    list: (sessionId, { prefix, after, ...bounds }) =>
      engine.readDurable(() => {
        const sizes = sizesOf(sessionId, { prefix, after, limit: bounds.limit });
        const count = onPage(
          sizes.map(({ bytes }) => bytes),
          bounds,
        );
        if (count === 0) return { entries: [] };
        const [first, last] = [sizes[0]!.key, sizes[count - 1]!.key];
        const entries = q.between.all({ sessionId, first, last, now: engine.clock.now() });
        return { entries, ...(count < sizes.length && { nextAfter: last }) };
      }),

    keys: (sessionId, range) =>
      engine.readDurable(() => {
        const found = sizesOf(sessionId, range).map(({ key }) => key);
        const keys = found.slice(0, range.limit);
        return { keys, ...(keys.length < found.length && { nextAfter: keys.at(-1)! }) };
      }),

    recent: (scope, limit) =>
      engine.readDurable(() => {
        const values = { ...engine.times(), now: engine.clock.now(), limit };
        return "session" in scope
          ? q.recentIn.all({ ...values, sessionId: scope.session })
          : q.recentOf.all({ ...values, principal: scope.principal });
      }),

    ...sqliteExpiring(engine, sessionState, expired, () => ({ now: engine.times().passed })),
  };
}

const bytesOf = (text: string): number => Buffer.byteLength(text);
