// The one writer. Operations of one turn of the event loop share a COMMIT (and so an fsync); each has a savepoint of
// its own, so that one which fails takes nothing else with it. A promise resolves only after the COMMIT.
import { AppError } from "../../kernel/errors.ts";
import type { Sqlite } from "./connection.ts";
import { fromSqlite } from "./errors.ts";

interface Operation {
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class GroupCommit {
  readonly #sqlite: Sqlite;
  readonly #statements;
  #queue: Operation[] = [];
  #closed = false;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
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
   * Runs `operation` (synchronously, in the next commit) and resolves to its result once that is committed.
   * Rejects with what it threw, or with why nothing could be committed; nothing of it is stored then.
   */
  write<T>(operation: () => T): Promise<T> {
    if (this.#closed)
      return Promise.reject(
        new AppError("busy", "The server is stopping.", { hint: "Try again." }),
      );
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run: operation, resolve: resolve as (value: unknown) => void, reject });
      // After this turn's input is handled: its other writes join the same commit.
      if (this.#queue.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what is queued now. */
  flush(): void {
    const operations = this.#queue;
    if (operations.length === 0) return;
    this.#queue = [];
    const outcomes: (() => void)[] = [];
    try {
      this.#statements.begin.run();
      for (const operation of operations) outcomes.push(this.#runOne(operation));
      this.#statements.commit.run();
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#statements.rollback.run();
      for (const operation of operations) operation.reject(fromSqlite(error));
      return;
    }
    for (const settle of outcomes) settle();
  }

  /** Commits the rest and takes no more. */
  close(): void {
    this.#closed = true;
    this.flush();
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
