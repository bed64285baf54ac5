// Time as a part that can be replaced: whatever decides by the clock is given one.

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Milliseconds since some moment: time that passes, whoever sets the other clock. */
  monotonic(): number;
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** `2026-11-22T07:05:06.000Z` from milliseconds. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
