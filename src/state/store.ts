// The port for a session's key/value state. Expired keys count as absent.
import type { Principal } from "../auth/principal.ts";
import type { Expiring } from "../lib/expiring.ts";
import type { PageBounds } from "../lib/page.ts";

export interface StateEntry {
  key: string;
  /** JSON text. */
  value: string;
  /** 1 for a new key, one more after each change; a key that was deleted starts at 1 again. */
  version: number;
  updatedAt: number;
  expiresAt: number | null;
}

export interface StateWrite {
  key: string;
  /** JSON text. */
  value: string;
  expiresAt: number | null;
  /** Compare-and-set: the version that the key must have; 0 means that the key must be absent. */
  ifVersion?: number | undefined;
  /** Maximum number of keys in the session. */
  maxKeys: number;
  /** The principal that writes, which must still have access; absent for the program itself. */
  by?: Principal | undefined;
}

/** Keys that begin with `prefix` and follow `after`. */
export interface StateRange {
  prefix: string;
  after: string;
}

/** Entries in key order. */
export interface StatePage {
  entries: StateEntry[];
  /** The `after` of the next page; absent on the last page. */
  nextAfter?: string;
}

export interface KeyPage {
  keys: string[];
  nextAfter?: string;
}

export interface StateStore extends Expiring {
  get(sessionId: string, key: string): Promise<StateEntry | undefined>;
  /** @throws AppError `conflict` when `ifVersion` does not match, `limit` for a key too many; `forbidden`, `not_found` */
  set(sessionId: string, write: StateWrite): Promise<StateEntry>;
  /** Returns true if the key existed. @throws AppError `conflict` */
  delete(sessionId: string, key: string, ifVersion?: number, by?: Principal): Promise<boolean>;
  /** One page of entries in key order, from the key after `after`. */
  list(sessionId: string, options: PageBounds & StateRange): Promise<StatePage>;
  /** The entries of a session, or of a principal's newest sessions, with the beginnings of their values. */
  recent(
    scope: { session: string } | { principal: string },
    limit: number,
  ): Promise<
    { session: string; title: string | null; key: string; value: string; updatedAt: number }[]
  >;
  /** One page of keys, without reading values. */
  keys(sessionId: string, options: StateRange & { limit: number }): Promise<KeyPage>;
}
