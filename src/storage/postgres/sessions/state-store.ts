// Key/value state in PostgreSQL: one row a key. The primary key serves reads, prefixes and the count.
import { and, asc, between, desc, eq, gt, gte, sql } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import { onPage } from "../../../lib/page.ts";
import type { StateRange, StateStore } from "../../../state/store.ts";
import { sessionAlive } from "../../shared/expiry.ts";
import { checkVersion, endOf, tooManyKeys } from "../../shared/state.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import { prepared, together } from "../engine/statements.ts";
import type { WriteAccess } from "../engine/write-access.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions, sessionState } from "../schema/schema.ts";
import { stateColumns } from "./state-rows.ts";

const { placeholder } = sql;

const MAX_VALUE = 2_000; // characters

const recentColumns = {
  session: sessions.id,
  title: sessions.title,
  key: sessionState.key,
  value: sql<string>`substr(${sessionState.value}, 1, ${sql.raw(String(MAX_VALUE))})`,
  updatedAt: sessionState.updatedAt,
};

export function postgresStateStore(engine: Engine, usage: Usage, access: WriteAccess): StateStore {
  const q = statementsOf(engine);
  const recent = recentStatements(engine);
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
      engine.writeSharing(sessionId, async () => {
        const now = engine.clock.now();
        // Sent at once: what a check throws undoes the write.
        const [, stored, full] = await Promise.all([
          access.modify(by, sessionId),
          q.set.get({ sessionId, key, value, now, expiresAt }),
          refusalOf(usage.checkState(sessionId)),
        ]);
        const { version, before, bytes, others } = stored!;
        checkVersion(key, ifVersion, before ?? undefined);
        if (before === null && others! >= maxKeys) throw tooManyKeys(maxKeys);
        if (full !== undefined && bytesOf(value) > (bytes ?? 0)) throw full;
        return { key, value, version, updatedAt: now, expiresAt };
      }),

    delete: (sessionId, key, ifVersion, by) =>
      engine.writeSharing(sessionId, async () => {
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

    recent: (scope, limit) =>
      engine.read(() => {
        const values = { ...engine.times(), now: engine.clock.now(), limit };
        return "session" in scope
          ? recent.inOne.all({ ...values, sessionId: scope.session })
          : recent.ofPrincipal.all({ ...values, principal: scope.principal });
      }),

    ...postgresExpiring(engine, sessionState, expired, () => ({ now: engine.times().passed })),
  };
}

/** An `AppError` that a check has thrown. */
const refusalOf = (check: Promise<void>): Promise<AppError | undefined> =>
  check.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );

const bytesOf = (text: string): number => Buffer.byteLength(text);

function statementsOf(engine: Engine) {
  const { db } = engine;
  const inSession = eq(sessionState.sessionId, placeholder("sessionId"));
  const byKey = and(inSession, eq(sessionState.key, placeholder("key")));
  const alive = sql`(${sessionState.expiresAt} is null or ${sessionState.expiresAt} > ${placeholder("now")})`;
  return prepared({
    get: together({ sessionId: "text", key: "text", now: "bigint" }, () =>
      db.select(stateColumns).from(sessionState).where(and(byKey, alive)),
    ),
    set: together(
      {
        ...{ sessionId: "text", key: "text", value: "text" },
        ...{ now: "bigint", expiresAt: "bigint" },
      },
      () =>
        db
          .select({
            version: sql<number>`version`,
            ...{ before: sql<number | null>`before`, bytes: sql<number | null>`bytes` },
            others: sql<number | null>`others`,
          })
          .from(
            sql`put_state(${placeholder("sessionId")}, ${placeholder("key")}, ${placeholder("value")}, ${placeholder("now")}, ${placeholder("expiresAt")})`,
          ),
    ),
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

/** For a search, across sessions. */
function recentStatements({ db }: Engine) {
  const inSession = eq(sessionState.sessionId, placeholder("sessionId"));
  const alive = sql`(${sessionState.expiresAt} is null or ${sessionState.expiresAt} > ${placeholder("now")})`;
  return prepared({
    inOne: () =>
      db
        .select(recentColumns)
        .from(sessionState)
        .innerJoin(sessions, eq(sessions.id, sessionState.sessionId))
        .where(and(inSession, alive))
        .orderBy(desc(sessionState.updatedAt))
        .limit(placeholder("limit")),
    ofPrincipal: () =>
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
        .limit(placeholder("limit")),
  });
}
