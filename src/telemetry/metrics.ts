// What a server counts about itself. The names under which a monitoring system sees it are in prometheus.ts.
import { Counter, Histogram } from "./counters.ts";

/** Why requests were refused before a call began. Those without an own reason here are known by their HTTP status. */
export type Refusal =
  | "rate" // max-calls-per-minute
  | "concurrency" // max-concurrent-calls
  | "streams" // max-streams
  | "auth" // no valid credentials
  | "scope" // credentials that do not allow it
  | "host"; // an unknown Host or Origin

/** Told by guards why they refuse a request. */
export type Refuse = (reason: Refusal) => void;

const CALL_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const COMMIT_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];
const COMMIT_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

interface ToolCounts {
  outcomes: Counter;
  seconds: Histogram;
}

export class Metrics {
  /** Calls that have ended, by tool. */
  readonly tools = new Map<string, ToolCounts>();
  /** Requests that are no tool calls, by method; each counter by outcome. */
  readonly methods = new Map<string, Counter>();
  /** Requests that were refused, by reason. */
  readonly refusals = new Counter();
  /** HTTP answers, by status class: `2xx`. */
  readonly responses = new Counter();
  /** What the cleanup job has deleted, by kind. */
  readonly deleted = new Counter();
  readonly commitSizes = new Histogram(COMMIT_SIZES);
  readonly commitSeconds = new Histogram(COMMIT_SECONDS);
  events = 0;
  /** Lines of the log that nobody read. */
  droppedLogLines = 0;

  /** `tool` must be one that there is. */
  toolCalled(tool: string, outcome: string, seconds: number): void {
    let counts = this.tools.get(tool);
    if (counts === undefined) {
      counts = { outcomes: new Counter(), seconds: new Histogram(CALL_SECONDS) };
      this.tools.set(tool, counts);
    }
    counts.outcomes.add(outcome);
    counts.seconds.observe(seconds);
  }

  /** `method` must be one that there is. */
  requested(method: string, outcome: string): void {
    let outcomes = this.methods.get(method);
    if (outcomes === undefined) this.methods.set(method, (outcomes = new Counter()));
    outcomes.add(outcome);
  }

  /** A commit of so many operations has become durable. */
  committed(operations: number, seconds: number): void {
    this.commitSizes.observe(operations);
    this.commitSeconds.observe(seconds);
  }
}
