// Rules of streams that hold on every engine.
import { type SQL, sql } from "drizzle-orm";
import type { EventBatch } from "../../events/event-batch.ts";
import type { StreamRecord } from "../../events/store.ts";
import { AppError } from "../../lib/errors.ts";

const { placeholder } = sql;

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

/** A stream without open requests that was last used before `oldest`. */
export const stale: SQL = sql`(streams.touched_at <= ${placeholder("oldest")}
  and coalesce((select created_at from stream_events where stream_events.stream_id = streams.id
    order by seq desc limit 1), 0) <= ${placeholder("oldest")}
  and not exists (select 1 from open_requests where open_requests.stream_id = streams.id))`;

/** The ids of a row are integers, and opaque texts in the port. */
export const recordOf = ({
  id,
  publicId,
  kind,
  lastSeq,
  prunedSeq,
  finishedAt,
}: Omit<StreamRecord, "id" | "publicId"> & { id: number; publicId: number }): StreamRecord => ({
  id: String(id),
  publicId: String(publicId),
  kind,
  lastSeq,
  prunedSeq,
  finishedAt,
});
