// The keys that sign request states. They are stored, so that a restart breaks no round, and replaced from time to
// time. A replaced key still verifies its earlier signatures.
import { randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";

const KEY_BYTES = 32;
const ROTATE_MS = 30 * 24 * 3_600_000;

export interface SigningKeyStore {
  /** The keys created at `oldest` (milliseconds) or later, newest first. */
  list(oldest: number): Promise<{ secret: Uint8Array; createdAt: number }[]>;
  /** Adds a key, unless one was created at `oldest` or later; deletes keys created before `expired`. */
  add(secret: Uint8Array, times: { oldest: number; expired: number }): Promise<void>;
}

export class SigningKeys {
  readonly #store: SigningKeyStore;
  readonly #clock: Clock;

  constructor(store: SigningKeyStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** All keys, newest first: the first one signs, all of them verify. */
  async all(): Promise<Uint8Array[]> {
    const now = this.#clock.now();
    const times = { oldest: now - ROTATE_MS, expired: now - 2 * ROTATE_MS };
    let keys = await this.#store.list(times.expired);
    if (keys.length === 0 || keys[0]!.createdAt < times.oldest) {
      await this.#store.add(randomBytes(KEY_BYTES), times);
      keys = await this.#store.list(times.expired);
    }
    return keys.map(({ secret }) => secret);
  }
}
