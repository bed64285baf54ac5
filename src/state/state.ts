// Key/value state of one session: JSON values, versions, expiry, and the limits that keep it small.
import type { Clock } from "../kernel/clock.ts";
import { AppError } from "../kernel/errors.ts";
import { checkText } from "../kernel/text.ts";
import type { StateEntry, StateStore } from "./store.ts";

const MAX_KEY_BYTES = 512;
/** A page of a list ends early once its values reach this size. */
const MAX_PAGE_BYTES = 1_000_000;

export interface StateLimits {
  maxValueBytes: number;
  maxKeys: number;
}

export interface SetOptions {
  /** Seconds until the key expires. */
  ttlSeconds?: number | undefined;
  /** The version that must be there; 0 means that the key must be absent. */
  ifVersion?: number | undefined;
}

/** Entries in key order; `nextAfter` is the key to go on behind. */
export interface StatePage {
  entries: StateEntry[];
  nextAfter?: string;
}

export class State {
  readonly #store: StateStore;
  readonly #clock: Clock;
  readonly #limits: StateLimits;

  constructor(store: StateStore, clock: Clock, limits: StateLimits) {
    this.#store = store;
    this.#clock = clock;
    this.#limits = limits;
  }

  get(sessionId: string, key: string): Promise<StateEntry | undefined> {
    checkKey(key);
    return this.#store.get(sessionId, key);
  }

  /**
   * Stores any JSON value.
   * @throws AppError `invalid` for what JSON cannot hold, `limit`, or `conflict` when `ifVersion` does not match
   */
  set(
    sessionId: string,
    key: string,
    value: unknown,
    options: SetOptions = {},
  ): Promise<StateEntry> {
    checkKey(key);
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined)
      throw new AppError("invalid", `value: expected JSON, received ${typeof value}.`);
    checkText("value", text, this.#limits.maxValueBytes, "max-value");
    const { ttlSeconds, ifVersion } = options;
    const expiresAt = ttlSeconds === undefined ? null : this.#clock.now() + ttlSeconds * 1000;
    return this.#store.set(sessionId, {
      key,
      value: text,
      expiresAt,
      ifVersion,
      maxKeys: this.#limits.maxKeys,
    });
  }

  delete(sessionId: string, key: string, ifVersion?: number): Promise<boolean> {
    checkKey(key);
    return this.#store.delete(sessionId, key, ifVersion);
  }

  async list(
    sessionId: string,
    options: { prefix?: string; after?: string; limit: number },
  ): Promise<StatePage> {
    const { prefix = "", after = "", limit } = options;
    const found = await this.#store.list(sessionId, { prefix, after, limit: limit + 1 });
    const entries: StateEntry[] = [];
    let bytes = 0;
    for (const entry of found) {
      const full =
        entries.length === limit ||
        (entries.length > 0 && bytes + entry.value.length > MAX_PAGE_BYTES);
      if (full) return { entries, nextAfter: entries.at(-1)!.key };
      entries.push(entry);
      bytes += entry.value.length;
    }
    return { entries };
  }
}

/** @throws AppError `invalid` */
export function checkKey(key: string): void {
  if (key === "") throw new AppError("invalid", "key: expected text that is not empty.");
  checkText("key", key, MAX_KEY_BYTES);
}
