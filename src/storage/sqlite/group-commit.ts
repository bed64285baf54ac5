// The one writer. Operations of one turn of the event loop, or of one sync of the disk, share a COMMIT; each has a
// savepoint of its own, so that one which fails takes nothing else with it. A promise resolves only when its COMMIT is
// durable.
import { AppError } from "../../kernel/errors.ts";
import type { Sqlite } from "./connection.ts";
import { fromSqlite } from "./errors.ts";
import type { LogSync } from "./log-sync.ts";

interface Operation {
  run(): unknown;
  /** Whether its promise waits until a power loss cannot take it back. */
  durable: boolean;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Told how many operations have become durable together, and how long that took, in seconds. */
export type OnCommit = (operations: number, seconds: number) => void;

export class GroupCommit {
  readonly #sqlite: Sqlite;
  readonly #log: LogSync | undefined;
  readonly #onCommit: OnCommit | undefined;
  readonly #statements;
  #queue: Operation[] = [];
  #closed = false;

  /** `log`: where a COMMIT alone does not survive a power loss. */
  constructor(sqlite: Sqlite, log?: LogSync, onCommit?: OnCommit) {
    this.#sqlite = sqlite;
    this.#log = log;
    this.#onCommit = onCommit;
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
   * Rejects with what it threw, or with why nothing could be committed; nothing of it is stored then.
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
        resolve: resolve as (value: unknown) => void,
        reject,
      });
      if (!durable || this.#queue.length === 1) this.#schedule({ durable });
    });
  }

  /** As `write`, committed before this returns, and together with what is waiting. */
  writeNow<T>(operation: () => T, options?: { durable: boolean }): Promise<T> {
    const result = this.write(operation, options);
    this.flush();
    return result;
  }

  /** Whether something can be read that is not durable yet. */
  get pending(): boolean {
    return this.#log?.pending ?? false;
  }

  /** Resolves when everything that can be read now is durable. */
  async durable(): Promise<void> {
    await this.#log?.settled();
  }

  /** Commits the rest and takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.flush();
    await this.#log?.settled().catch(() => undefined); // their writers have been told
    this.#log?.close();
  }

  /**
   * A commit comes after this turn's input is handled, and while the disk is busy with an earlier one, when that is done:
   * it could not become durable sooner, and what comes in meanwhile joins it.
   */
  #schedule({ durable }: { durable: boolean }): void {
    const flush = (): void => void setImmediate(() => this.flush());
    if (durable && this.#log?.pending) void this.#log.settled().then(flush, flush);
    else flush();
  }

  /** Commits what is waiting. */
  flush(): void {
    const operations = this.#queue;
    if (operations.length === 0) return;
    this.#queue = [];
    const began = this.#onCommit === undefined ? 0 : performance.now();
    const [atCommit, whenDurable]: [(() => void)[], (() => void)[]] = [[], []];
    const fail = (error: unknown): void => {
      for (const operation of operations) operation.reject(fromSqlite(error));
    };
    try {
      this.#statements.begin.run();
      for (const operation of operations)
        (operation.durable ? whenDurable : atCommit).push(this.#runOne(operation));
      this.#statements.commit.run();
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#statements.rollback.run();
      return fail(error);
    }
    for (const settled of atCommit) settled();
    if (whenDurable.length === 0) return;
    const settle = (): void => {
      this.#onCommit?.(operations.length, (performance.now() - began) / 1_000);
      for (const settled of whenDurable) settled();
    };
    if (this.#log === undefined) settle();
    else this.#log.sync().then(settle, fail);
  }

  #runOne({ run, resolve, reject }: Operation): () => void {
    this.#statements.save.run();
    try {
      const result = run();
      this.#statements.release.run();
      return () => resolve(result);
    } catch (error) {
      // A full disk can make SQLite roll back the whole transaction: then nobody's write is there.
      if (!this.#sqlite.inTransaction) throw error;
      this.#statements.undo.run();
      this.#statements.release.run();
      return () => reject(fromSqlite(error));
    }
  }
}
