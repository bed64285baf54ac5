// A clock that stands still until the test moves it.
import type { Clock } from "../../src/lib/clock.ts";

export class ManualClock implements Clock {
  #now: number;
  #monotonic = 0;
  #uptime = 0;

  /** `start` in milliseconds. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  advance(ms: number): void {
    this.sleep(ms);
    this.#monotonic += ms;
  }

  /** Time passes that nobody sees. */
  sleep(ms: number): void {
    this.#now += ms;
    this.#uptime += ms;
  }

  uptime(): number {
    return this.#uptime;
  }

  /** Somebody sets the clock: no time has passed. */
  jump(ms: number): void {
    this.#now += ms;
  }
}
