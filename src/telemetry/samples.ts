// Figures of the last day, one sample a minute, for charts. They begin anew with the process.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./metrics.ts";

const INTERVAL_MS = 60_000;
const KEPT = 24 * 60;
/** Milliseconds between two looks at the event loop. */
const RESOLUTION_MS = 50;

export interface Sample {
  /** Milliseconds since 1970, at the end of the minute. */
  at: number;
  /** Tool calls that ended in the minute, for each second of it. */
  callsPerSecond: number;
  commitsPerSecond: number;
  /** The longest time, in ms, for which the process could do nothing else. */
  longestStallMs: number;
  /** Bytes of the database; undefined while it cannot be read. */
  databaseBytes: number | undefined;
  /** Free bytes of the disk under the data folder; undefined without one. */
  freeBytes: number | undefined;
}

export interface SampleSources {
  metrics: Metrics;
  databaseBytes(): Promise<number | undefined>;
  freeBytes(): number | undefined;
}

export class Samples {
  readonly #sources: SampleSources;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #all: Sample[] = [];
  #before: { at: number; calls: number; commits: number };

  constructor(sources: SampleSources, onError: (error: unknown) => void) {
    this.#sources = sources;
    this.#onError = onError;
    this.#before = this.#counted();
  }

  start(): void {
    this.#before = this.#counted();
    this.#delay.enable();
    this.#timer = setInterval(() => void this.take().catch(this.#onError), INTERVAL_MS).unref();
  }

  /** The oldest first. */
  get all(): readonly Sample[] {
    return this.#all;
  }

  async take(): Promise<void> {
    const before = this.#before;
    const now = (this.#before = this.#counted());
    const seconds = Math.max(1e-3, (now.at - before.at) / 1_000);
    const longestStallMs = Math.max(0, this.#delay.max / 1e6 - RESOLUTION_MS);
    this.#delay.reset();
    const databaseBytes = await this.#sources.databaseBytes();
    this.#all = [
      ...this.#all.slice(1 - KEPT),
      {
        at: Date.now(),
        callsPerSecond: (now.calls - before.calls) / seconds,
        commitsPerSecond: (now.commits - before.commits) / seconds,
        ...{ longestStallMs, databaseBytes },
        freeBytes: this.#sources.freeBytes(),
      },
    ];
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #counted(): { at: number; calls: number; commits: number } {
    const { tools, commitSizes } = this.#sources.metrics;
    let calls = 0;
    for (const { seconds } of tools.values()) calls += seconds.count;
    return { at: performance.now(), calls, commits: commitSizes.count };
  }
}
