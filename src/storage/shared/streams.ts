// Rules of streams that hold on every engine.
import { AppError } from "../../lib/errors.ts";

/** Events per read. */
export const EVENT_BATCH = 200;

/** Large events, and now and then a small one, are checked against the client's account. */
export const needsCheck = (seq: number, data: string): boolean =>
  data.length > 16_000 || seq % 16 === 0;

/** The oldest events beyond the maximum go in steps of a tenth: the number up to which they go after this one. */
export function prunedBy(seq: number, maxEvents: number): number | undefined {
  const isStep = seq % Math.ceil(maxEvents / 10) === 0;
  return isStep && seq > maxEvents ? seq - maxEvents : undefined;
}

export const streamGone = (): AppError => new AppError("not_found", "That stream has ended.");

export const requestTakenOver = (): AppError =>
  new AppError("interrupted", "Another process has taken this request over.");
