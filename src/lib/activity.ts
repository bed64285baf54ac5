// Records when sessions and clients were last active, with at most one write per interval. A lost write costs one
// interval.
import { boundedCache } from "./cache/bounded-cache.ts";
import type { Clock } from "./clock.ts";

/** The `touch` of a store. */
type Touch = (times: ReadonlyMap<string, number>) => Promise<void>;

const LONGEST_INTERVAL_MS = 30_000;

/** The largest error of an activity time: 30 s, or less if sessions live only briefly. */
export const activityInterval = (maxAgeMs: number): number =>
  Math.min(LONGEST_INTERVAL_MS, maxAgeMs / 4);

export class Activity {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #touch: Touch;
  readonly #onError: (error: unknown) => void;
  /** Time of each id's last write. Bounded: a forgotten id costs one more write. */
  readonly #written = boundedCache<number>(10_000);

  constructor(clock: Clock, maxAgeMs: number, touch: Touch, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#intervalMs = activityInterval(maxAgeMs);
    this.#touch = touch;
    this.#onError = onError;
  }

  /** Record activity and return at once: a call neither waits for the write nor fails with it. */
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
