// Key/value state of one session: JSON values, versions, expiry, and the limits that keep it small.
import type { Clock } from "../kernel/clock.ts";
import { AppError } from "../kernel/errors.ts";
import { checkStorable } from "../kernel/storable.ts";
import { checkText } from "../kernel/text.ts";
import type { StateEntry, StateStore, StateWrite } from "./store.ts";

const MAX_KEY_BYTES = 512;
/** A hundred years. */
export const MAX_TTL_SECONDS = 3_153_600_000;
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
   * What `set` takes: any JSON value, under a key.
   * @throws AppError `invalid` for what JSON cannot hold, naming its place in the value; `limit`
   */
  write(key: string, value: unknown, { ttlSeconds, ifVersion }: SetOptions = {}): StateWrite {
    checkKey(key);
    checkStorable("value", value);
    const text = JSON.stringify(value);
    checkText("value", text, this.#limits.maxValueBytes, "max-value");
    if (ttlSeconds !== undefined && !(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS))
      throw new AppError(
        "invalid",
        `ttlSeconds: expected a number above 0, at most ${MAX_TTL_SECONDS}.`,
      );
    const expiresAt = ttlSeconds === undefined ? null : this.#clock.now() + ttlSeconds * 1000;
    return { key, value: text, expiresAt, ifVersion, maxKeys: this.#limits.maxKeys };
  }

  /** @throws AppError `conflict` when `ifVersion` does not match, `limit` for a key too many */
  set(sessionId: string, write: StateWrite): Promise<StateEntry> {
    return this.#store.set(sessionId, write);
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
