// Key/value state of one session: JSON values, versions, expiry and limits.
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { checkStorable } from "../lib/json/storable.ts";
import type { PageBounds } from "../lib/page.ts";
import { checkIsText, checkText, textFault } from "../lib/text/text.ts";
import type {
  KeyPage,
  StateEntry,
  StatePage,
  StateRange,
  StateStore,
  StateWrite,
} from "./store.ts";

const MAX_KEY_BYTES = 512;
/** A hundred years, in seconds. */
export const MAX_TTL_SECONDS = 3_153_600_000;

export interface StateLimits {
  maxValueBytes: number;
  maxKeys: number;
}

export interface SetOptions {
  /** Seconds until the key expires. */
  ttlSeconds?: number | undefined;
  /** The version that the key must have; 0 means that the key must be absent. */
  ifVersion?: number | undefined;
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
   * Prepares a write for `set`: any JSON value, under a key.
   * @throws AppError `invalid` for a value that JSON cannot hold, naming the place in the value; `limit`
   */
  write(key: string, value: unknown, { ttlSeconds, ifVersion }: SetOptions = {}): StateWrite {
    checkKey(key);
    checkStorable("value", value);
    const text = JSON.stringify(value);
    checkText("value", text, this.#limits.maxValueBytes, "max-value");
    if (ifVersion !== undefined && !Number.isSafeInteger(ifVersion))
      throw new AppError("invalid", "ifVersion: expected a whole number.");
    const isTtl = typeof ttlSeconds === "number" && ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS;
    if (ttlSeconds !== undefined && !isTtl)
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

  delete(
    sessionId: string,
    key: string,
    { ifVersion, by }: Pick<StateWrite, "ifVersion" | "by"> = {},
  ): Promise<boolean> {
    checkKey(key);
    return this.#store.delete(sessionId, key, ifVersion, by);
  }

  /** @throws AppError `invalid` for a prefix longer than any key */
  list(sessionId: string, options: PageBounds & Partial<StateRange>): Promise<StatePage> {
    return this.#store.list(sessionId, checkedRange(options));
  }

  /** The keys of a `list`, without the values. */
  keys(sessionId: string, options: Partial<StateRange> & { limit: number }): Promise<KeyPage> {
    return this.#store.keys(sessionId, checkedRange(options));
  }
}

function checkedRange<T extends Partial<StateRange>>(options: T): T & StateRange {
  const { prefix = "", after = "" } = options;
  for (const [what, text] of Object.entries({ prefix, after })) {
    checkIsText(what, text);
    const odd = textFault(text);
    if (odd !== undefined) throw new AppError("invalid", `${what} ${odd}`);
  }
  if (prefix.length > MAX_KEY_BYTES)
    throw new AppError("invalid", `prefix: no key has more than ${MAX_KEY_BYTES} bytes.`);
  return { ...options, prefix, after };
}

/** @throws AppError `invalid` */
export function checkKey(key: string): void {
  if (key === "") throw new AppError("invalid", "key: expected text that is not empty.");
  checkText("key", key, MAX_KEY_BYTES);
}
