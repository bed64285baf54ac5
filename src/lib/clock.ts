// Time as a part that can be replaced: whatever decides by the clock is given one.
import { uptime } from "node:os";

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, as the machine's clock says. */
  now(): number;
  /** Milliseconds that this process has seen pass, whoever sets the other clock. Of a stop or a sleep it sees a minute. */
  monotonic(): number;
  /** Milliseconds since the machine started, with its sleep: what a clock that was set does not change. */
  uptime?(): number;
}

/** A clock that shows less is not set: this program is younger. Machines without a battery begin in 1970. */
export const CLOCK_SET = Date.UTC(2025, 0, 1);

const UNSEEN_MS = 60_000;

class SystemClock implements Clock {
  #seen = 0;
  #last = 0;

  now(): number {
    return Date.now();
  }

  // Whether the system counts sleep here depends on the system; a stopped process counts everywhere.
  monotonic(): number {
    const time = performance.now();
    this.#seen += Math.max(0, Math.min(time - this.#last, UNSEEN_MS));
    this.#last = time;
    return this.#seen;
  }

  uptime(): number {
    return uptime() * 1_000;
  }
}

export const systemClock: Clock = new SystemClock();

/** `2026-11-22T07:05:06.000Z` from milliseconds. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
