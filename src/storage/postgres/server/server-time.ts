// The difference between the server's clock and this process's: the nodes' clocks may be minutes apart.
import type pg from "pg";
import type { Clock } from "../../../lib/clock.ts";

/** Between two measurements, because clocks drift. */
const INTERVAL_MS = 60_000;
/** The best of so many has the shortest way, and so the smallest error. */
const SAMPLES = 3;

const NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now";

export class ServerTime {
  readonly #pool: pg.Pool;
  readonly #clock: Pick<Clock, "now">;
  readonly #onDifference: (ms: number) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: pg.Pool, clock: Pick<Clock, "now">, onDifference: (ms: number) => void) {
    this.#pool = pool;
    this.#clock = clock;
    this.#onDifference = onDifference;
  }

  /** Measures once, and from then on now and then. */
  async start(): Promise<void> {
    await this.#measure();
    this.#timer = setInterval(() => {
      this.#measure().catch(() => undefined); // an unreachable server is noticed elsewhere
    }, INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #measure(): Promise<void> {
    let best = { tookMs: Infinity, differenceMs: 0 };
    for (let i = 0; i < SAMPLES; i += 1) {
      const began = performance.now();
      const { rows } = await this.#pool.query<{ now: number }>(NOW);
      const tookMs = performance.now() - began;
      const differenceMs = rows[0]!.now + tookMs / 2 - this.#clock.now();
      if (tookMs < best.tookMs) best = { tookMs, differenceMs };
    }
    this.#onDifference(Math.round(best.differenceMs));
  }
}
