// The base of every SQLite store: reads, writes, times and conditions of expiry.
import { AsyncLocalStorage } from "node:async_hooks";
import { type SQL, sql } from "drizzle-orm";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { ApiKey } from "../../../auth/api-keys.ts";
import type { TrustedTime } from "../../../jobs/trusted-time.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Client, Session } from "../../../sessions/session.ts";
import { SESSIONS_URI } from "../../../sessions/uris.ts";
import { type EngineTimes, type ExpiryTimes, HIDDEN, NEVER_BACK_MS } from "../../shared/expiry.ts";
import { isFull } from "../disk/ballast.ts";
import type { Room } from "../disk/room.ts";
import { keepSearchIndex } from "../search/search-index.ts";
import type { Sqlite } from "./connection.ts";
import { fromSqlite } from "./errors.ts";
import { GroupCommit, type GroupCommitOptions } from "./group-commit.ts";
import { OtherProcesses } from "./other-processes.ts";
import { DataVersion, RowCache } from "./row-cache.ts";
import { drizzleOf } from "./statements.ts";

const DAY_MS = 24 * 3_600_000;

/** Wraps each operation that an act writes, to add writes to the same savepoint. */
export type Companion = <T>(operation: () => T) => () => T;

/**
 * A companion that adds to the first write for which `add` returns true. That write may run a second time, when its commit
 * had to wait.
 */
export function withFirst(add: (result: unknown) => boolean): Companion {
  let chosen: unknown;
  return (operation) => () => {
    const result = operation();
    if ((chosen === undefined || chosen === operation) && add(result)) chosen = operation;
    return result;
  };
}

export class Engine {
  readonly db: BetterSQLite3Database;
  readonly clock: Clock;
  readonly dataVersion: DataVersion;
  readonly otherProcesses: OtherProcesses;
  /** Rows that nearly every call reads; code that writes such a row drops it here. */
  readonly cached: {
    sessions: RowCache<Session>;
    clients: RowCache<Client>;
    apiKeys: RowCache<ApiKey>;
  };
  readonly time: TrustedTime;
  readonly #cutoffs: EngineTimes;
  readonly #commits: GroupCommit;
  readonly #room: Room | undefined;
  readonly #companion = new AsyncLocalStorage<Companion>();
  /** True if a commit needs a sync to survive a power loss. */
  readonly #syncs: boolean;
  /** The version up to which other processes' commits are known to be on disk. */
  #confirmedVersion: unknown;

  constructor(
    sqlite: Sqlite,
    clock: Clock,
    cutoffs: EngineTimes,
    { room, ...commits }: GroupCommitOptions & { room?: Room | undefined } = {},
  ) {
    keepSearchIndex(sqlite);
    this.db = drizzleOf(sqlite);
    this.clock = clock;
    this.dataVersion = new DataVersion(sqlite);
    this.otherProcesses = new OtherProcesses(this.dataVersion);
    this.cached = {
      sessions: new RowCache(this.dataVersion),
      clients: new RowCache(this.dataVersion),
      apiKeys: new RowCache(this.dataVersion),
    };
    this.#cutoffs = cutoffs;
    this.time = cutoffs.time;
    this.#commits = new GroupCommit(sqlite, commits);
    this.#syncs = commits.log !== undefined;
    this.#confirmedVersion = this.dataVersion.latest();
    this.#room = room;
  }

  /** See GroupCommit. */
  write<T>(operation: () => T): Promise<T> {
    return this.#commits.write(this.#accompanied(operation));
  }

  /** Writes without waiting for the disk: resolves at the commit, which a power loss may undo. */
  writeRelaxed<T>(operation: () => T): Promise<T> {
    return this.#commits.write(operation, { durable: false });
  }

  /** Writes a deletion, which succeeds even on a full disk. */
  async free<T>(asked: () => T, options?: { durable: boolean }): Promise<T> {
    const operation = options?.durable === false ? asked : this.#accompanied(asked);
    try {
      return await this.#commits.write(operation, options);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#commits.flush(); // what stores more learns now that there is no room
      const freed = this.#room?.freeing(() => this.#commits.writeNow(operation, options));
      if (freed === undefined) throw error;
      return freed;
    }
  }

  /**
   * Runs `act`, whose durable writes go through `companion` until the act ends. An act within an act has both companions,
   * and its own is the inner one.
   */
  async accompany<T>(companion: Companion, act: () => Promise<T>): Promise<T> {
    const outer = this.#companion.getStore();
    let over = false;
    const both: Companion = (operation) => {
      const mine = over ? operation : companion(operation);
      return outer === undefined ? mine : outer(mine);
    };
    try {
      return await this.#companion.run(both, act);
    } finally {
      over = true;
    }
  }

  #accompanied<T>(operation: () => T): () => T {
    return this.#companion.getStore()?.(operation) ?? operation;
  }

  /** Reads committed rows and waits until they are durable, so that no caller sees what a power loss could undo. */
  async readDurable<T>(query: () => T): Promise<T> {
    const result = this.#query(query);
    if (!this.#syncs) return result;
    const version = this.dataVersion.latest();
    if (version !== this.#confirmedVersion) {
      await this.#commits.durable({ others: true });
      this.#confirmedVersion = version;
    } else if (this.#commits.pending) await this.#commits.durable();
    return result;
  }

  /** Reads without waiting for durability, for values that no caller sees. */
  async readNow<T>(query: () => T): Promise<T> {
    return this.#query(query);
  }

  close(): Promise<void> {
    return this.#commits.close();
  }

  #query<T>(query: () => T): T {
    try {
      return query();
    } catch (error) {
      throw fromSqlite(error);
    }
  }

  /** Values for `sessionAlive` and `clientAlive`. A time of 0 is always too old. */
  times(): ExpiryTimes {
    const { session, client, empty } = this.#cutoffs;
    const [now, monotonic] = [this.clock.now(), this.clock.monotonic()];
    return {
      now,
      passed: this.time.ago(DAY_MS) + DAY_MS,
      oldest: session.at(now, monotonic),
      oldestClient: client.at(now, monotonic),
      oldestEmpty: empty.at(now, monotonic),
      oldestNeverBack: this.time.ago(NEVER_BACK_MS),
    };
  }
}

/** The URI of the current session. */
const uriOfSession: SQL = sql`${sql.raw(`'${SESSIONS_URI}/'`)} || sessions.id`;

// These conditions write columns with their tables. Drizzle leaves the table out in a query on one table, and a bare `id`
// inside a subquery would be another table's.

/** A client with an open stream or call, which does not make room for another one. */
export const clientEngaged: SQL = sql`(clients.present_until > ${sql.placeholder("now")}
  or exists (select 1 from open_requests where open_requests.client_id = clients.id))`;

/**
 * A client with an open call or a connection to any process, now or a moment ago, which is never cleaned up. Connections
 * count because a stopped process cannot renew `present_until`, and a wrong clock passes it.
 */
export const clientHeld: SQL = sql`(${clientEngaged}
  or exists (select 1 from connections where connections.client_id = clients.id))`;

/** A client of the session at hand that protects it from deletion. */
const clientPresent: SQL = sql`clients.session_id = sessions.id
  and clients.ended_at is null and ${clientHeld}`;

/**
 * A connected client that works in the session at hand, or listens to a part of it that it may see. `present_until` does
 * not count: it goes on for a while after the connection.
 */
export const clientConnected: SQL = sql`clients.id in (
    select working.id from clients working where working.session_id = sessions.id
    union select subscriptions.client_id from subscriptions where subscriptions.uri = ${uriOfSession}
      or (subscriptions.uri >= ${uriOfSession} || '/' and subscriptions.uri < ${uriOfSession} || '0'))
  and clients.ended_at is null
  and exists (select 1 from connections where connections.client_id = clients.id)
  and (clients.owner = sessions.owner or exists (select 1 from grants
    where grants.session_id = sessions.id and grants.principal = clients.owner))`;

/** In use by a live connection, by a chat turn that is being answered, or by a call that runs. */
export const inUse: SQL = sql`(exists (select 1 from clients where ${clientPresent})
  or exists (select 1 from turns where turns.session_id = sessions.id)
  or exists (select 1 from running_sessions where running_sessions.session_id = sessions.id))`;

/** A session that is neither hidden nor expired: used within the maximum age or its own, pinned, or in use. */
export const sessionAlive: SQL = sql`(sessions.last_active_at <> ${sql.raw(String(HIDDEN))} and (
  (sessions.last_active_at > ${sql.placeholder("oldest")}
    and (sessions.keep_ms is null or sessions.last_active_at + sessions.keep_ms > ${sql.placeholder("passed")}))
  or sessions.pinned = 1 or ${inUse}))`;

/** A session that was opened, and then neither named nor filled. */
export const blank: SQL = sql`sessions.name is null and sessions.title is null and sessions.system is null
  and not exists (select 1 from messages where messages.session_id = sessions.id)
  and not exists (select 1 from session_state where session_state.session_id = sessions.id)
  and not exists (select 1 from grants where grants.session_id = sessions.id)
  and not exists (select 1 from share_offers where share_offers.session_id = sessions.id)`;

/** A session that the cleanup deletes. The reverse of `sessionAlive` in a form that indexes serve, and blank sessions. */
export const sessionExpired: SQL = sql`((sessions.last_active_at <= ${sql.placeholder("oldest")}
    or (sessions.keep_ms is not null and sessions.last_active_at + sessions.keep_ms <= ${sql.placeholder("passed")})
    or (sessions.last_active_at <= ${sql.placeholder("oldestEmpty")} and ${blank}))
  and sessions.pinned = 0 and not ${inUse})`;

/** A client that was last seen at its creation, and has never come back with its id. */
const neverBack: SQL = sql`(clients.last_seen_at <= ${sql.placeholder("oldestNeverBack")}
  and clients.last_seen_at = clients.created_at)`;

/** A client that has neither ended nor expired. A connected client does not expire. */
export const clientAlive: SQL = sql`(clients.ended_at is null
  and (clients.last_seen_at > ${sql.placeholder("oldestClient")} and not ${neverBack}
    or ${clientHeld}))`;

/** The reverse of `clientAlive`, in a form that indexes serve. */
export const clientExpired: SQL = sql`(clients.ended_at is not null
  or ((clients.last_seen_at <= ${sql.placeholder("oldestClient")} or ${neverBack}) and not ${clientHeld}))`;
