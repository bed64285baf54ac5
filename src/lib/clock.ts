// The clock as a replaceable part: code that decides by time is given one.
import { uptime } from "node:os";

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC, as the machine's clock says. */
  now(): number;
  /**
   * Milliseconds that have passed for this process, whatever the machine's clock is set to. Counts at most a minute of
   * a suspension.
   */
  monotonic(): number;
  /** Milliseconds since the machine started, sleep included; setting the clock does not change it. */
  uptime?(): number;
}

/** Earliest plausible time, which is older than this program. A machine without a battery begins in 1970. */
export const CLOCK_SET = Date.UTC(2025, 0, 1);

const UNSEEN_MS = 60_000;

class SystemClock implements Clock {
  #seen = 0;
  #last = 0;

  now(): number {
    return Date.now();
  }

  // Bound each step: some systems count sleep in `performance.now()`, and all count the time of a stopped process.
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

/** The time of a database server, which all machines that use it share: this machine's, and the difference. */
export class SharedClock implements Clock {
  readonly #own: Clock;
  #differenceMs = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  /** Sets the clock forward by so much; back, if negative. */
  correct(ms: number): void {
    this.#differenceMs += ms;
  }

  now(): number {
    return this.#own.now() + this.#differenceMs;
  }

  monotonic(): number {
    return this.#own.monotonic();
  }

  uptime(): number {
    return this.#own.uptime?.() ?? this.#own.monotonic();
  }
}

/** `2026-11-22T07:05:06.000Z` from milliseconds; null stays null. */
export function isoTime(ms: number): string;
export function isoTime(ms: number | null): string | null;
export function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
