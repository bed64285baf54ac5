// Looks after the write-ahead log. SQLite folds it into the database by itself, and says nothing when it cannot: then the log
// grows with every write, until the disk is full.
import { statSync } from "node:fs";
import { AppError } from "../../../lib/errors.ts";
import type { OnLog } from "../../storage.ts";
import type { Sqlite } from "../engine/connection.ts";
import { fromSqlite } from "../engine/errors.ts";

/** Many times what SQLite lets it become, and what it is cut back to (`journal_size_limit`). */
const LARGE_LOG_BYTES = 64 << 20;
const CHECK_MS = 10_000;

export const logBytes = (database: string): number =>
  statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0;

export class LogWatch {
  readonly #sqlite: Sqlite;
  readonly #onLog: OnLog;
  readonly #largeBytes: number;
  readonly #timer: NodeJS.Timeout;
  #toldBytes: number | undefined;

  constructor(sqlite: Sqlite, onLog: OnLog, largeBytes = LARGE_LOG_BYTES) {
    this.#sqlite = sqlite;
    this.#onLog = onLog;
    this.#largeBytes = largeBytes;
    this.#timer = setInterval(() => this.check(), CHECK_MS).unref();
  }

  check(): void {
    const bytes = logBytes(this.#sqlite.name);
    // One that is in the database whole keeps its size, and begins anew with the next write.
    const reason = bytes < this.#largeBytes ? undefined : this.#obstacle();
    if (reason === undefined) return this.#recovered(bytes);
    if (bytes < 2 * (this.#toldBytes ?? 0)) return;
    this.#toldBytes = bytes;
    this.#onLog({ bytes, reason });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #recovered(bytes: number): void {
    if (this.#toldBytes === undefined) return;
    this.#toldBytes = undefined;
    this.#onLog({ bytes });
  }

  /** The reason why the log cannot be folded in. */
  #obstacle(): string | undefined {
    try {
      const [result] = this.#sqlite.pragma("wal_checkpoint(PASSIVE)") as [Checkpoint];
      if (result.checkpointed >= result.log) return undefined;
      return "another program is reading an old state of the database, or writes without a pause";
    } catch (error) {
      const known = fromSqlite(error);
      return known instanceof AppError ? known.localAdvice : String(error);
    }
  }
}

/** In pages: of the log, and of these, in the database. */
interface Checkpoint {
  log: number;
  checkpointed: number;
}
