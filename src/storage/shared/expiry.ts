// Times of life and expiry that hold on every engine.
import type { Cutoff, CutoffKind } from "../../jobs/cutoff.ts";
import type { TrustedTime } from "../../jobs/trusted-time.ts";

/** The cutoff of each kind of expiry, and the trusted time. */
export type EngineTimes = Readonly<Record<CutoffKind, Cutoff> & { time: TrustedTime }>;

/** The current cutoffs: rows last used at or before their cutoff have expired. */
export type ExpiryTimes = {
  now: number;
  /** The same, without what the clock has gained unseen within a day. */
  passed: number;
  oldest: number;
  oldestClient: number;
  oldestEmpty: number;
  oldestNeverBack: number;
};

/** Lifetime of clients when sessions never expire. */
export const CLIENT_AGE_MS = 90 * 86_400_000;

/** Lifetime of a client that has never come back with its id. With one default `cleanup-interval`, less than an hour. */
export const NEVER_BACK_MS = 45 * 60_000;

/** Maximum time that a close waits for the deletion of large sessions. The next cleanup deletes the rest. */
export const MAX_PURGE_MS = 10_000;

/**
 * The last activity of a hidden session: an import is writing it, or it is being deleted in batches. The cleanup
 * deletes what a dead process has left of it.
 */
export const HIDDEN = 0;
