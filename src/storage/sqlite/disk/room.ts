// Room for deletions on a full disk. A deletion gets the ballast's room; then its pages go back to the disk, the log is
// folded in, and the ballast is made again. Writes that store more never get that room.
import { AppError } from "../../../lib/errors.ts";
import type { Sqlite } from "../engine/connection.ts";
import { fromSqlite } from "../engine/errors.ts";
import { type Ballast, isFull } from "./ballast.ts";
import { type Checkpoints, USUAL_PAGES } from "./checkpoints.ts";

const LEAST_LOG_PAGES = 16;
/** Maximum pages per return to the disk. More would hold up other calls; the cleanup job returns the rest. */
const PAGES_AT_ONCE = 4_096; // 16 MB

export class Room {
  readonly #sqlite: Sqlite;
  readonly #ballast: Ballast;
  readonly #checkpoints: Pick<Checkpoints, "bound">;

  /** `checkpoints`: keeps the log as small as told. */
  constructor(sqlite: Sqlite, ballast: Ballast, checkpoints: Pick<Checkpoints, "bound">) {
    this.#sqlite = sqlite;
    this.#ballast = ballast;
    this.#checkpoints = checkpoints;
    ballast.restore(); // opening may have taken it
    this.#boundLog();
  }

  /** Makes a missing ballast, if the disk has room. */
  keep(): void {
    this.#ballast.make();
    this.#boundLog();
  }

  /** Runs `commit` with the ballast's room, in the same turn of the event loop. Undefined without a ballast. */
  freeing<T>(commit: () => Promise<T>): Promise<T> | undefined {
    if (!this.#ballast.release()) return undefined;
    const result = commit();
    this.#reclaim();
    return result;
  }

  /** Folds the log into the file, at the close. If even the ballast is too little, the next start does it. */
  fold(): void {
    if (!this.#fold() && this.#ballast.release()) this.#reclaim();
  }

  #reclaim(): void {
    this.#attempt(() => {
      if (this.#pragma("auto_vacuum") === 2)
        this.#sqlite.pragma(`incremental_vacuum(${PAGES_AT_ONCE})`);
    });
    this.#fold();
    this.#ballast.restore();
  }

  #fold(): boolean {
    return this.#attempt(() => this.#sqlite.pragma("wal_checkpoint(TRUNCATE)"));
  }

  /** True if there was room. Commits in the log are stored in any case. */
  #attempt(act: () => unknown): boolean {
    try {
      act();
      return true;
    } catch (error) {
      if (fromSqlite(error) instanceof AppError) return !isFull(error);
      throw error;
    }
  }

  /** Bounds the log, so that folding it in takes no more room than the ballast has. */
  #boundLog(): void {
    const { size } = this.#ballast;
    if (size === 0) return;
    const pages = Math.floor(size / 2 / this.#pragma("page_size"));
    const bound = Math.min(USUAL_PAGES, Math.max(LEAST_LOG_PAGES, pages));
    this.#checkpoints.bound(bound);
  }

  #pragma(name: string): number {
    return this.#sqlite.pragma(name, { simple: true }) as number;
  }
}
