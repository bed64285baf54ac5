// A cache of rows that nearly every call reads. A row leaves it when this process writes to the row, and all rows leave it
// when another process writes to anything.
import { boundedCache } from "../../../lib/cache/bounded-cache.ts";
import type { Sqlite } from "./connection.ts";

const MAX_ROWS = 5_000;

/** SQLite's data version, read once in a turn of the event loop: all input of the turn came before. */
export class DataVersion {
  readonly #statement;
  #current: unknown;
  #fresh = false;

  constructor(sqlite: Sqlite) {
    // The version changes when another connection has committed, and only then.
    this.#statement = sqlite.prepare("PRAGMA data_version").pluck();
  }

  /** The version at this moment. */
  latest(): unknown {
    return this.#statement.get();
  }

  get current(): unknown {
    if (!this.#fresh) {
      this.#current = this.#statement.get();
      this.#fresh = true;
      setImmediate(() => (this.#fresh = false));
    }
    return this.#current;
  }
}

export class RowCache<Row extends object> {
  /** `null` for a missing row. */
  readonly #rows = boundedCache<{ row: Row | null }>(MAX_ROWS);
  readonly #version: DataVersion;
  #seen: unknown;

  constructor(version: DataVersion) {
    this.#version = version;
  }

  /** The row of this id, from memory or with `read`. */
  get(id: string, read: () => Row | undefined): Row | undefined {
    const version = this.#version.current;
    if (version !== this.#seen) this.#rows.clear();
    this.#seen = version;
    const known = this.#rows.get(id);
    if (known !== undefined) return known.row ?? undefined;
    const row = read();
    this.#rows.set(id, { row: row ?? null });
    return row;
  }

  /** To be called inside the write that changes or creates the row. */
  delete(id: string): void {
    this.#rows.delete(id);
  }

  /** To be called inside a write that changes rows without naming them. */
  clear(): void {
    this.#rows.clear();
  }
}
