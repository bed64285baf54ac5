// Rules of streams that hold on every engine.
import type { EventBatch } from "../../events/event-batch.ts";
import { AppError } from "../../lib/errors.ts";

/** Events per read. */
export const EVENT_BATCH = 200;

/** Large events, and now and then a small one, are checked against the client's account. `last`: number of the last. */
export const needsCheck = (last: number, data: readonly string[]): boolean =>
  last % 16 < data.length || data.some(({ length }) => length > 16_000);

/**
 * The oldest events beyond the maximum go in steps of a tenth: the number up to which they go after `count` new ones, of
 * which `last` is the last.
 */
export function prunedBy(last: number, count: number, maxEvents: number): number | undefined {
  const seq = last - (last % Math.ceil(maxEvents / 10));
  return seq > last - count && seq > maxEvents ? seq - maxEvents : undefined;
}

/** The messages to be stored, once their write begins. */
export const messagesOf = (data: string | EventBatch): readonly string[] =>
  typeof data === "string" ? [data] : data.take();

export const streamGone = (): AppError => new AppError("not_found", "That stream has ended.");

export const requestTakenOver = (): AppError =>
  new AppError("interrupted", "Another process has taken this request over.");
