// Notes when sessions and clients were last active, at most one write each per interval. A lost note costs one interval.
import { LRUCache } from "lru-cache";
import type { Clock } from "./clock.ts";

/** Where the notes go: `touch` of a store. */
type Touch = (times: ReadonlyMap<string, number>) => Promise<void>;

const LONGEST_INTERVAL_MS = 30_000;

/** How stale an activity time may be: 30 s, or less where sessions live only briefly. */
export const activityInterval = (maxAgeMs: number): number =>
  Math.min(LONGEST_INTERVAL_MS, maxAgeMs / 4);

export class Activity {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #touch: Touch;
  readonly #onError: (error: unknown) => void;
  /** When each id was last written. Bounded: a forgotten id costs one write more. */
  readonly #written = new LRUCache<string, number>({ max: 10_000 });

  constructor(clock: Clock, maxAgeMs: number, touch: Touch, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#intervalMs = activityInterval(maxAgeMs);
    this.#touch = touch;
    this.#onError = onError;
  }

  /** Returns at once: nobody waits for the note, and a call does not fail because of it. */
  note(id: string): void {
    const time = this.#clock.monotonic();
    if (time - (this.#written.get(id) ?? -Infinity) < this.#intervalMs) return;
    this.#written.set(id, time);
    this.#touch(new Map([[id, this.#clock.now()]])).catch((error: unknown) => {
      this.#written.delete(id);
      this.#onError(error);
    });
  }
}
