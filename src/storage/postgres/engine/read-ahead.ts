// Rows that a request is known to ask for first, read at its beginning in one way to the database and back. Each is given out
// once, soon, and before the request writes anything: later reads find later rows.
import { AsyncLocalStorage } from "node:async_hooks";
import type { Session } from "../../../sessions/session.ts";

/** A request that comes to its first reads later than this reads them anew. */
const MAX_AGE_MS = 1_000;

/** Reads by their names. */
export type Reads = Readonly<Record<string, Promise<unknown>>>;

/** What the read "session" found under this id. */
export interface SessionAhead {
  id: string;
  session: Session | undefined;
}

interface Rows {
  byName: Map<string, Promise<unknown>>;
  readonly until: number;
}

export class ReadAhead {
  readonly #rows = new AsyncLocalStorage<Rows>();

  /** Runs a request, after it has begun the reads. */
  run<T>(reads: Reads, request: () => T): T {
    const byName = new Map(Object.entries(reads));
    for (const read of byName.values()) read.catch(() => undefined); // who takes it has the error
    return this.#rows.run({ byName, until: performance.now() + MAX_AGE_MS }, request);
  }

  /** What the read of this name resolves to. */
  take<T>(name: string): Promise<T> | undefined {
    const rows = this.#rows.getStore();
    const read = rows?.byName.get(name);
    if (read === undefined) return undefined;
    rows!.byName.delete(name);
    return performance.now() < rows!.until ? (read as Promise<T>) : undefined;
  }

  /** To be called at a write. */
  drop(): void {
    this.#rows.getStore()?.byName.clear();
  }
}
