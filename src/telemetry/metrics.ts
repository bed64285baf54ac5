// The server's counters. Their names in monitoring systems are in prometheus.ts.
import { Counter, Histogram } from "./counters.ts";

/** Reasons for refusing a request before a call begins. Other refusals are labelled with their HTTP status. */
export type Refusal =
  | "rate" // max-calls-per-minute
  | "concurrency" // max-concurrent-calls
  | "streams" // max-streams
  | "auth" // no valid credentials
  | "scope" // credentials that do not allow it
  | "host"; // an unknown Host or Origin

/** Called by guards with the reason of a refusal. */
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
  /** Ended calls, by tool. */
  readonly tools = new Map<string, ToolCounts>();
  /** Requests that are no tool calls, by method; each counter by outcome. */
  readonly methods = new Map<string, Counter>();
  /** Refused requests, by reason. */
  readonly refusals = new Counter();
  /** HTTP answers, by status class: `2xx`. */
  readonly responses = new Counter();
  /** Things that the cleanup job has deleted, by kind. */
  readonly deleted = new Counter();
  readonly commitSizes = new Histogram(COMMIT_SIZES);
  readonly commitSeconds = new Histogram(COMMIT_SECONDS);
  events = 0;
  /** Dead processes that this one has found. */
  takeovers = 0;
  /** Times that another process took this one for dead. */
  takenOver = 0;
  /** Log lines dropped behind a slow reader. */
  droppedLogLines = 0;

  /** `tool` must exist: the label must not be text that a client chooses. */
  toolCalled(tool: string, outcome: string, seconds: number): void {
    let counts = this.tools.get(tool);
    if (counts === undefined) {
      counts = { outcomes: new Counter(), seconds: new Histogram(CALL_SECONDS) };
      this.tools.set(tool, counts);
    }
    counts.outcomes.add(outcome);
    counts.seconds.observe(seconds);
  }

  /** `method` must exist: the label must not be text that a client chooses. */
  requested(method: string, outcome: string): void {
    let outcomes = this.methods.get(method);
    if (outcomes === undefined) this.methods.set(method, (outcomes = new Counter()));
    outcomes.add(outcome);
  }

  /** Count a durable commit of so many operations. */
  committed(operations: number, seconds: number): void {
    this.commitSizes.observe(operations);
    this.commitSeconds.observe(seconds);
  }
}
