// The base of every PostgreSQL store: transactions, reads, locks and times.
import { AsyncLocalStorage } from "node:async_hooks";
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import type { TrustedTime } from "../../../jobs/trusted-time.ts";
import type { Clock } from "../../../lib/clock.ts";
import { ShortLivedMap } from "../../../lib/collections/short-lived.ts";
import { AppError } from "../../../lib/errors.ts";
import type { Subject } from "../../../updates/changes.ts";
import { type EngineTimes, type ExpiryTimes, NEVER_BACK_MS } from "../../shared/expiry.ts";
import type { Companion } from "./companion.ts";
import { fromPostgres, isAfterFailure, isRetryable, needsOwn, Unconfirmed } from "./errors.ts";
import { lend } from "./lend.ts";
import { ReadAhead } from "./read-ahead.ts";
import { ReadBatch } from "./read-batch.ts";
import { SharedWrites } from "./shared-writes.ts";
import { type Connection, databaseOf, givenUp, Transaction } from "./transaction.ts";

const DAY_MS = 24 * 3_600_000;
/** How often a transaction that gave way to another one is done again. */
const MAX_ATTEMPTS = 10;

/** A view of all rows as they were when it was opened. */
export interface Snapshot {
  read<T>(query: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The isolation by name: a role or a database may have another default, with which the counts of limits are old. */
const BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED";
/** A session that somebody else writes to, and has locked, holds up the others only so long. */
const BEGIN_SHARED = `${BEGIN}; SET LOCAL lock_timeout = 100`;
/** The reader of a snapshot may be slow: a limit of the server on transactions that wait does not end it. */
const SNAPSHOT =
  "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0";

/** The transaction of an operation, and its connection there. */
interface Within {
  transaction: Transaction;
  connection: Connection;
}

export interface EngineOptions {
  pool: pg.Pool;
  clock: Clock;
  cutoffs: EngineTimes;
  /** Called after a commit, with what other processes may wait for. */
  onChange(subjects: readonly Subject[]): void;
  /** Called with the duration of each commit in seconds. */
  onCommit?: ((operations: number, seconds: number) => void) | undefined;
}

export class Engine {
  readonly db: NodePgDatabase;
  readonly clock: Clock;
  readonly time: TrustedTime;
  readonly ahead = new ReadAhead();
  readonly #reads: ReadBatch;
  readonly #pool: pg.Pool;
  readonly #cutoffs: EngineTimes;
  readonly #onChange: EngineOptions["onChange"];
  readonly #onCommit: EngineOptions["onCommit"];
  readonly #within = new AsyncLocalStorage<Within>();
  readonly #companion = new AsyncLocalStorage<Companion>();
  /** True inside an operation that was begun before the close. */
  readonly #admitted = new AsyncLocalStorage<boolean>();
  /** The last operation of each subject whose operations keep their order. */
  readonly #queues = new ShortLivedMap<string, Promise<unknown>>();
  readonly #snapshots = new Set<Snapshot>();
  readonly #shared: SharedWrites;
  #running = 0;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor({ pool, clock, cutoffs, onChange, onCommit }: EngineOptions) {
    this.#pool = pool;
    this.#reads = new ReadBatch(pool);
    this.clock = clock;
    this.#cutoffs = cutoffs;
    this.time = cutoffs.time;
    this.#onChange = onChange;
    this.#onCommit = onCommit;
    this.db = databaseOf(() => this.#connection);
    this.#shared = new SharedWrites({
      alone: (operation) => this.#write(operation, BEGIN),
      together: (count, writes) =>
        this.#attempt(
          BEGIN_SHARED,
          (transaction) =>
            writes((operation) =>
              this.#within.run({ transaction, connection: transaction.part() }, operation),
            ),
          count,
        ),
    });
  }

  /** Runs an operation in a transaction of its own; resolves when it is committed. */
  write<T>(operation: () => Promise<T>): Promise<T> {
    return this.#write(this.#companion.getStore()?.(operation) ?? operation, BEGIN);
  }

  /**
   * A write to one session. Those of this process follow each other in the order of their calls; they wait for their turn here,
   * and not for the session's lock, each on a connection.
   */
  writeIn<T>(sessionId: string, operation: () => Promise<T>): Promise<T> {
    return this.inOrder(`session ${sessionId}`, () =>
      this.write(this.#noted(sessionId, operation)),
    );
  }

  /** A small write to one session, as `writeIn`, which may share its transaction with those to other sessions. */
  writeSharing<T>(sessionId: string, operation: () => Promise<T>): Promise<T> {
    return this.inOrder(`session ${sessionId}`, () =>
      this.share(sessionId, this.#noted(sessionId, operation)),
    );
  }

  /** A small write that may share its transaction. `place`: after a failure there, its writes share none for a while. */
  share<T>(place: string, operation: () => Promise<T>): Promise<T> {
    this.ahead.drop();
    return this.#counted(() =>
      this.#shared.write(place, this.#companion.getStore()?.(operation) ?? operation),
    );
  }

  /** Writes without waiting for the disk: resolves at the commit, which a crash of the database may undo. */
  writeRelaxed<T>(operation: () => Promise<T>): Promise<T> {
    return this.#write(operation, `${BEGIN}; SET LOCAL synchronous_commit = off`);
  }

  /** Runs after all earlier operations of this process with the same key, also those that nobody awaited. */
  inOrder<T>(key: string, act: () => Promise<T>): Promise<T> {
    return this.#counted(async () => {
      const before = this.#queues.get(key);
      const mine = before === undefined ? act() : before.then(act, act);
      this.#queues.set(key, mine);
      try {
        return await mine;
      } finally {
        if (this.#queues.get(key) === mine) this.#queues.delete(key);
      }
    });
  }

  /**
   * Runs `act`, whose writes go through `companion` until the act ends. An act within an act has both companions, and its own
   * is the inner one.
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

  /** Reads committed rows, each statement by itself. */
  async read<T>(query: () => Promise<T>): Promise<T> {
    return this.#counted(async () => {
      try {
        return await query();
      } catch (error) {
        throw fromPostgres(error);
      }
    });
  }

  /** Reads all rows as they were at one moment. */
  snapshot<T>(query: () => Promise<T>): Promise<T> {
    return this.#write(query, SNAPSHOT);
  }

  /** Opens a snapshot for a slow reader, on a connection of its own: it takes none from the pool. */
  async openSnapshot(): Promise<Snapshot> {
    if (this.#closed) throw closed();
    const client = new pg.Client(this.#pool.options);
    client.on("error", () => undefined); // the next query has it too
    const close = async (): Promise<void> => {
      this.#snapshots.delete(snapshot);
      await client.end().catch(() => undefined);
    };
    const transaction = new Transaction(client);
    const read = async <T>(query: () => Promise<T>): Promise<T> => {
      try {
        return await this.#within.run({ transaction, connection: transaction }, query);
      } catch (error) {
        throw this.#closed ? closed() : fromPostgres(error);
      }
    };
    const snapshot: Snapshot = { read, close };
    this.#snapshots.add(snapshot);
    try {
      await client.connect();
      await client.query(SNAPSHOT);
      return snapshot;
    } catch (error) {
      await close();
      throw fromPostgres(error);
    }
  }

  /** Inside a write: does a part that may fail, and then leaves nothing. */
  async attempt<T>(part: () => Promise<T>): Promise<T> {
    const transaction = this.#ownTransaction;
    await transaction.query("SAVEPOINT part");
    try {
      const result = await part();
      await transaction.query("RELEASE SAVEPOINT part");
      return result;
    } catch (error) {
      await transaction.query("ROLLBACK TO SAVEPOINT part");
      throw isAfterFailure(error) ? transaction.failure : error;
    }
  }

  /** Inside a write: waits for, and keeps out, all others with one of these keys until the end of the transaction. */
  async lock(...keys: readonly string[]): Promise<void> {
    const transaction = this.#ownTransaction;
    for (const key of keys.toSorted())
      await transaction.query({ name: "holdfast_lock", text: LOCK, values: [key] });
  }

  /** Inside a write, before a statement that may take long: a session may have very many messages. */
  async noTimeout(): Promise<void> {
    await this.#ownTransaction.query("SET LOCAL statement_timeout = 0");
  }

  /** Inside a write: other processes that wait for this subject look again after the commit. */
  changed(kind: Subject["kind"], id: string): void {
    this.#within.getStore()!.transaction.changed.push({ kind, id });
  }

  /** Values for `sessionAlive` and `clientAlive`. A time of 0 is always too old. `inMs`: those of a later time. */
  times(inMs = 0): ExpiryTimes {
    const { session, client, empty } = this.#cutoffs;
    const [now, monotonic] = [this.clock.now() + inMs, this.clock.monotonic() + inMs];
    return {
      now,
      passed: this.ago(DAY_MS) + DAY_MS + inMs,
      oldest: Math.floor(session.at(now, monotonic)),
      oldestClient: Math.floor(client.at(now, monotonic)),
      oldestEmpty: Math.floor(empty.at(now, monotonic)),
      oldestNeverBack: this.ago(NEVER_BACK_MS),
    };
  }

  /** See `TrustedTime.ago`; whole milliseconds, as the columns have. */
  ago(ageMs: number): number {
    return Math.floor(this.time.ago(ageMs));
  }

  /** Resolves when all that was begun has ended, but snapshots, which end now; refuses what comes later. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(Array.from(this.#snapshots, (snapshot) => snapshot.close()));
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #noted<T>(sessionId: string, operation: () => Promise<T>): () => Promise<T> {
    return () => {
      this.changed("session", sessionId);
      return operation();
    };
  }

  /** The transaction of the operation, which must share it with no other one. */
  get #ownTransaction(): Transaction {
    const { transaction } = this.#within.getStore()!;
    if (transaction.operations > 1) throw needsOwn();
    return transaction;
  }

  get #connection(): Connection {
    const within = this.#within.getStore();
    return within === undefined || within.transaction.state === "committed"
      ? this.#reads
      : within.connection;
  }

  async #write<T>(operation: () => Promise<T>, begin: string): Promise<T> {
    this.ahead.drop();
    return this.#counted(async () => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await this.#attempt(begin, (own) =>
            this.#within.run({ transaction: own, connection: own }, operation),
          );
        } catch (error) {
          if (!isRetryable(error) || attempt === MAX_ATTEMPTS) throw fromPostgres(error);
        }
      }
    });
  }

  async #attempt<T>(
    begin: string,
    act: (transaction: Transaction) => Promise<T>,
    operations = 1,
  ): Promise<T> {
    const began = performance.now();
    const client = await lend(this.#pool);
    const transaction = new Transaction(client, operations);
    let [isCommitting, isBroken] = [false, false];
    try {
      // Sent with the first statement, which the driver does not hold back.
      const begun = transaction.query(begin);
      begun.catch(() => undefined);
      const result = await act(transaction);
      await begun;
      isCommitting = true;
      const { command } = await client.query("COMMIT");
      isCommitting = false;
      if (command !== "COMMIT") throw givenUp();
      transaction.state = "committed";
      if (transaction.changed.length > 0) this.#onChange(transaction.changed);
      this.#onCommit?.(transaction.operations, (performance.now() - began) / 1_000);
      return result;
    } catch (error) {
      transaction.state = "given up";
      // A commit that the network or the driver gave up goes on in the database.
      if (isCommitting && !(error instanceof pg.DatabaseError)) isBroken = true;
      else await client.query("ROLLBACK").catch(() => (isBroken = true));
      if (isCommitting && isBroken) throw new Unconfirmed(error);
      throw isAfterFailure(error) ? transaction.failure : error;
    } finally {
      // A connection that cannot be rolled back is not used again.
      client.release(isBroken);
    }
  }

  /** Refuses what comes after the close; what was begun before, and is still in a queue, goes on. */
  async #counted<T>(act: () => Promise<T>): Promise<T> {
    if (this.#closed && !this.#admitted.getStore()) throw closed();
    this.#running += 1;
    try {
      return await this.#admitted.run(true, act);
    } finally {
      this.#running -= 1;
      if (this.#running === 0) this.#onIdle?.();
    }
  }
}

const LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

const closed = (): AppError =>
  new AppError("busy", "The server is stopping.", { hint: "Try again." });
