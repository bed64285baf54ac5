// The one writer. Operations of a turn of the event loop, or a few, or of one sync of the disk, share a COMMIT; each has a
// savepoint of its own, so that one which fails takes nothing else with it. A promise resolves only when its COMMIT is
// durable.
import { setTimeout } from "node:timers/promises";
import Database from "better-sqlite3";
import { AppError } from "../../../lib/errors.ts";
import type { OnCommit } from "../../storage.ts";
import type { Checkpoints } from "../disk/checkpoints.ts";
import type { LogSync } from "../disk/log-sync.ts";
import type { OwnFiles } from "../disk/own-files.ts";
import type { Sqlite } from "./connection.ts";
import { fromSqlite } from "./errors.ts";

interface Operation {
  run(): unknown;
  /** True if the promise waits until a power loss cannot undo the commit. */
  durable: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Longest wait of several writes for further ones, in turns of the event loop. */
const GATHER_TURNS = 5;
/** Maximum wait for another process's write lock, and time between two attempts, in ms. */
const BUSY_MS = 5_000;
const RETRY_MS = 10;

export interface GroupCommitOptions {
  /** Where a COMMIT alone does not survive a power loss. */
  log?: LogSync | undefined;
  /** The number of requests at work. */
  requests?: (() => number) | undefined;
  /** Where there are files that can go away. */
  files?: OwnFiles | undefined;
  /** Where there is a log to fold into the database. */
  checkpoints?: Checkpoints | undefined;
  onCommit?: OnCommit | undefined;
  busyMs?: number;
}

export class GroupCommit {
  readonly #sqlite: Sqlite;
  readonly #log: LogSync | undefined;
  readonly #requests: () => number;
  readonly #files: OwnFiles | undefined;
  readonly #checkpoints: Checkpoints | undefined;
  readonly #onCommit: OnCommit | undefined;
  readonly #busyMs: number;
  readonly #statements;
  #queue: Operation[] = [];
  /** Since when another process has kept the first of the queue waiting. */
  #busySince: number | undefined;
  #closed = false;

  constructor(
    sqlite: Sqlite,
    {
      log,
      requests = () => Infinity,
      files,
      checkpoints,
      onCommit,
      busyMs = BUSY_MS,
    }: GroupCommitOptions = {},
  ) {
    this.#sqlite = sqlite;
    this.#log = log;
    this.#requests = requests;
    this.#files = files;
    this.#checkpoints = checkpoints;
    this.#onCommit = onCommit;
    this.#busyMs = busyMs;
    this.#statements = {
      begin: sqlite.prepare("BEGIN IMMEDIATE"),
      commit: sqlite.prepare("COMMIT"),
      rollback: sqlite.prepare("ROLLBACK"),
      save: sqlite.prepare("SAVEPOINT operation"),
      release: sqlite.prepare("RELEASE operation"),
      undo: sqlite.prepare("ROLLBACK TO operation"),
    };
  }

  /**
   * Runs `operation` (synchronously, in the next commit) and resolves to its result once that is durable.
   * Rejects with what it threw, or with why nothing could be committed; nothing of it is stored then, unless the
   * reason says that the disk did not confirm it.
   * `durable: false` resolves at the commit already.
   */
  write<T>(operation: () => T, { durable = true } = {}): Promise<T> {
    if (this.#closed)
      return Promise.reject(
        new AppError("busy", "The server is stopping.", { hint: "Try again." }),
      );
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: operation,
        durable,
        resolve: resolve,
        reject,
      });
      if (!durable || this.#queue.length === 1) this.#schedule({ durable });
    });
  }

  /** As `write`, committed before this returns, and together with what is waiting. */
  writeNow<T>(operation: () => T, options?: { durable: boolean }): Promise<T> {
    const result = this.write(operation, options);
    this.flush({ checkpoints: false }); // the caller makes one
    return result;
  }

  /** True if rows can be read that are not durable yet. */
  get pending(): boolean {
    return this.#log !== undefined && (this.#log.pending || this.#log.unconfirmed);
  }

  /** Resolves when everything that can be read now is durable. `others`: also what other processes have committed. */
  async durable({ others = false } = {}): Promise<void> {
    const log = this.#log;
    if (log === undefined) return;
    this.#makeGood();
    await (others ? log.sync() : log.settled()).catch(() => undefined); // their writers have been told
    this.#makeGood();
  }

  /** Commits the rest and takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.flush();
    while (this.#queue.length > 0) await setTimeout(RETRY_MS);
    await this.#log?.settled().catch(() => undefined); // their writers have been told
    await this.#log?.close();
    this.#files?.close();
  }

  /**
   * A commit comes after this turn's input is handled, and while the disk is busy with an earlier one, when that is done:
   * it could not become durable sooner, and what comes in meanwhile joins it.
   */
  #schedule({ durable }: { durable: boolean }): void {
    const flush = (): void => void setImmediate(() => this.#gather());
    if (durable && this.#log?.pending) void this.#log.settled().then(flush, flush);
    else flush();
  }

  /**
   * Several writes wait as long as each turn brings more. Callers that one commit has answered come back close behind each
   * other; without the wait, two halves of them would take turns, each with a commit and a sync of its own.
   */
  #gather(before = 1, turns = GATHER_TURNS): void {
    const waiting = this.#queue.length;
    if (waiting > before && turns > 0) setImmediate(() => this.#gather(waiting, turns - 1));
    else this.#flushUnlessHeld();
  }

  #flushUnlessHeld(): void {
    const held = this.#checkpoints?.held;
    if (held === undefined) this.flush();
    else void held.then(() => this.#flushUnlessHeld());
  }

  /** Commits what is waiting. */
  flush({ checkpoints = true } = {}): void {
    const operations = this.#queue;
    if (operations.length === 0) return;
    this.#queue = [];
    const began = this.#onCommit === undefined ? 0 : performance.now();
    const [atCommit, whenDurable]: [(() => void)[], (() => void)[]] = [[], []];
    const fail = (error: unknown): void => {
      for (const operation of operations) operation.reject(fromSqlite(error));
    };
    try {
      this.#files?.refuseLost();
      this.#makeGood();
      this.#statements.begin.run();
      this.#busySince = undefined;
      for (const operation of operations)
        (operation.durable ? whenDurable : atCommit).push(this.#runOne(operation));
      this.#statements.commit.run();
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#statements.rollback.run();
      if (this.#waitsLonger(error)) return this.#again(operations);
      this.#busySince = undefined;
      return fail(error);
    }
    if (checkpoints && !this.#log?.unconfirmed) this.#checkpoints?.committed();
    for (const settled of atCommit) settled();
    if (whenDurable.length === 0) return;
    const settle = (): void => {
      this.#files?.check();
      this.#onCommit?.(operations.length, (performance.now() - began) / 1_000);
      for (const settled of whenDurable) settled();
    };
    const allWait = whenDurable.length >= this.#requests();
    const synced = this.#log?.sync({ allWait }) ?? Promise.resolve();
    synced.then(settle).catch((error: unknown) => {
      fail(error);
      this.#makeGoodSoon();
    });
  }

  /** Another process's commits take milliseconds; the event loop goes on while one holds the lock for longer. */
  #waitsLonger(error: unknown): boolean {
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY"))
      return false;
    this.#busySince ??= performance.now();
    return performance.now() - this.#busySince < this.#busyMs;
  }

  #again(operations: readonly Operation[]): void {
    this.#queue.unshift(...operations);
    void setTimeout(RETRY_MS).then(() => this.flush());
  }

  /**
   * After a sync that failed: brings the log into the database, whose file is synced then.
   * @throws AppError `storage` while that fails too: nothing may be committed behind a hole in the log
   */
  #makeGood(): void {
    if (!this.#log?.unconfirmed) return;
    try {
      const [{ busy }] = this.#sqlite.pragma("wal_checkpoint(TRUNCATE)") as [{ busy: number }];
      if (busy === 0) return this.#log.confirmed();
    } catch (error) {
      throw unconfirmed(error);
    }
    throw unconfirmed();
  }

  /** At once: the pages of the log may leave the memory. */
  #makeGoodSoon(): void {
    try {
      this.#makeGood();
    } catch {
      // The next write or read tries it again, and is told.
    }
  }

  #runOne({ run, resolve, reject }: Operation): () => void {
    this.#statements.save.run();
    try {
      const result = run();
      this.#statements.release.run();
      return () => resolve(result);
    } catch (error) {
      // A full disk can make SQLite roll back the whole transaction, with all its writes.
      if (!this.#sqlite.inTransaction) throw error;
      this.#statements.undo.run();
      this.#statements.release.run();
      return () => reject(fromSqlite(error));
    }
  }
}

const unconfirmed = (cause?: unknown): AppError =>
  new AppError("storage", "The disk does not confirm what is written: nothing was stored.", {
    hint: "Check the disk.",
    cause,
  });
