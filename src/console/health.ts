// What the Health page shows; the composition looks it up.
import type { Finding } from "../health/finding.ts";
import type { Waiting } from "../jobs/cleanup.ts";
import type { Sample } from "../telemetry/samples.ts";

export interface Health {
  findings(): Promise<readonly Finding[]>;
  /** Findings that a look at the files tells at once and that need somebody now. */
  alarms(): readonly Finding[];
  /** Of the last day, the oldest first. */
  samples(): readonly Sample[];
  due(): Promise<DueSessions>;
  /** Begin to take samples. */
  start(): void;
  close(): void;
}

/** What the cleanup job deletes next. */
export interface DueSessions {
  /** Undefined while it cannot be counted. */
  sessions: number | undefined;
  /** Sessions that the next run deletes. */
  expired: number | undefined;
  /** Longest time without a use; `Infinity` for never. */
  maxAgeMs: number;
  /** Time between two runs. */
  everyMs: number;
  /** Expired sessions that are kept for now. */
  waiting: Waiting | undefined;
}
