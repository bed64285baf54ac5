// The port that keeps a session's key/value state. Expired keys are answered as absent.
import type { Expiring } from "../lib/expiring.ts";
import type { Principal } from "../auth/principal.ts";
import type { PageBounds } from "../lib/page.ts";

export interface StateEntry {
  key: string;
  /** JSON text. */
  value: string;
  /** 1 for a new key, one more at each change; a key made anew starts at 1 again. */
  version: number;
  updatedAt: number;
  expiresAt: number | null;
}

export interface StateWrite {
  key: string;
  /** JSON text. */
  value: string;
  expiresAt: number | null;
  /** Compare-and-set: the version that must be there; 0 means that the key must be absent. */
  ifVersion?: number | undefined;
  /** Bound on the session's keys. */
  maxKeys: number;
  /** Who writes, and must still be allowed to; absent for the program itself. */
  by?: Principal | undefined;
}

/** Keys that begin with `prefix` and come behind `after`. */
export interface StateRange {
  prefix: string;
  after: string;
}

/** Entries in key order. */
export interface StatePage {
  entries: StateEntry[];
  /** Present when there are more: the key to go on behind. */
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
  /** Resolves to whether the key was there. @throws AppError `conflict` */
  delete(sessionId: string, key: string, ifVersion?: number, by?: Principal): Promise<boolean>;
  /** As many as are on a page, in key order, from the key behind `after`. */
  list(sessionId: string, options: PageBounds & StateRange): Promise<StatePage>;
  /** As `list`, without reading a value. */
  keys(sessionId: string, options: StateRange & { limit: number }): Promise<KeyPage>;
}
