// The base of every SQLite store: reads, writes, times and conditions of expiry.
import { AsyncLocalStorage } from "node:async_hooks";
import type { BetterSQLite3Database } from "drizzle-orm/better-sqlite3";
import type { ApiKey } from "../../../auth/api-keys.ts";
import type { TrustedTime } from "../../../jobs/trusted-time.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Client, Session } from "../../../sessions/session.ts";
import { type EngineTimes, type ExpiryTimes, NEVER_BACK_MS } from "../../shared/expiry.ts";
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
/** Time after a write in which more of them are expected, in milliseconds. */
const BUSY_MS = 100;

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
  #requests = 0;
  /** Time of the last write whose caller waits for the disk. */
  #lastWrite = -Infinity;
  #times: ExpiryTimes | undefined;
  /** The version up to which other processes' commits are known to be on disk. */
  #confirmedVersion: unknown;
  /** See `#confirm`. */
  #confirming: Promise<void> | undefined;

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
    this.#commits = new GroupCommit(sqlite, {
      requests: () => this.#requests,
      ...commits,
    });
    this.#syncs = commits.log !== undefined;
    this.#confirmedVersion = this.dataVersion.latest();
    this.#room = room;
  }

  /** Runs a request. While all that are at work wait for one commit, no other thread is needed for its sync. */
  async request<T>(act: () => Promise<T>): Promise<T> {
    this.#requests += 1;
    try {
      return await act();
    } finally {
      this.#requests -= 1;
    }
  }

  /** See GroupCommit. */
  write<T>(operation: () => T): Promise<T> {
    this.#lastWrite = performance.now();
    return this.#commits.write(this.#accompanied(operation));
  }

  /** True while calls write. Deletion and upkeep, of which there may be much, make way for them. */
  get isBusy(): boolean {
    return performance.now() - this.#lastWrite < BUSY_MS;
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
    if (this.#syncs) await (this.#confirming ??= this.#confirm());
    return result;
  }

  /** Waits until what was read is durable, once for all that read in one moment. */
  async #confirm(): Promise<void> {
    await Promise.resolve(); // the other reads of this moment come first
    this.#confirming = undefined;
    const version = this.dataVersion.latest();
    if (version !== this.#confirmedVersion) {
      await this.#commits.durable({ others: true });
      this.#confirmedVersion = version;
    } else if (this.#commits.pending) await this.#commits.durable();
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

  /** Values for `sessionAlive` and `clientAlive`. A time of 0 is always too old. `inMs`: those of a later time. */
  times(inMs = 0): ExpiryTimes {
    const now = this.clock.now();
    if (inMs > 0) return this.#timesAt(now, inMs);
    // Nearly every read asks for them. What is made of a dozen readings of the clock holds for its millisecond.
    if (this.#times?.now !== now) this.#times = this.#timesAt(now, 0);
    return this.#times;
  }

  #timesAt(present: number, inMs: number): ExpiryTimes {
    const { session, client, empty } = this.#cutoffs;
    const [now, monotonic] = [present + inMs, this.clock.monotonic() + inMs];
    return {
      now,
      passed: this.time.ago(DAY_MS) + DAY_MS + inMs,
      oldest: session.at(now, monotonic),
      oldestClient: client.at(now, monotonic),
      oldestEmpty: empty.at(now, monotonic),
      oldestNeverBack: this.time.ago(NEVER_BACK_MS),
    };
  }
}
