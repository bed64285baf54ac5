// Rows of the event log: events with numbers of their own in each stream, and the sessions that they may speak of.
import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import type { StreamEvent } from "../../../events/store.ts";
import { EVENT_BATCH, prunedBy, requestTakenOver, streamGone } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { streamEvents, streams } from "../schema/schema.ts";
import { rowId } from "./stream-rows.ts";

const { placeholder } = sql;

export type EventRows = ReturnType<typeof eventRows>;

export interface NewEvents {
  data: readonly string[];
  maxEvents: number;
  /** The process that runs the stream's requests. */
  instanceId?: string | undefined;
  sessions?: readonly string[] | undefined;
}

/** Records the sessions of the content of the streams in `from`, which is a table of a statement. */
export const addSessions = (from: string) => sql`insert into stream_sessions (stream_id, session_id)
  select id, session_id from ${sql.raw(from)}, unnest(${placeholder("sessions")}::text[]) as session_id
  on conflict do nothing`;

export function eventRows({ db, clock }: Engine) {
  const streamById = eq(streams.id, placeholder("streamId"));
  const ofStream = eq(streamEvents.streamId, placeholder("streamId"));
  const grown = db.$with("grown", { id: sql<number>`id`, lastSeq: sql<number>`last_seq` })
    .as(sql`update streams set last_seq = last_seq + cardinality(${placeholder("data")}::text[])
      where id = ${placeholder("streamId")} and (${placeholder("instanceId")}::text is null or (finished_at is null
        and not exists (select 1 from open_requests
          where stream_id = streams.id and instance_id <> ${placeholder("instanceId")}::text)))
      returning id, last_seq`);
  const content = db.$with("content", {}).as(addSessions("grown"));
  const added = db.$with("added", {})
    .as(sql`insert into stream_events (stream_id, seq, data, created_at)
      select id, last_seq - cardinality(${placeholder("data")}::text[]) + n, data, ${placeholder("now")}::bigint
      from grown, unnest(${placeholder("data")}::text[]) with ordinality as events (data, n)`);
  const q = prepared({
    lock: () => db.select({ id: streams.id }).from(streams).where(streamById).for("no key update"),
    add: () =>
      db
        .with(grown, content, added)
        .select({ lastSeq: sql<number>`last_seq` })
        .from(grown),
    prune: () =>
      db.delete(streamEvents).where(and(ofStream, lte(streamEvents.seq, placeholder("upTo")))),
    setPruned: () =>
      db
        .update(streams)
        .set({ prunedSeq: sql`${placeholder("upTo")}` })
        .where(streamById),
    after: () =>
      db
        .select({ seq: streamEvents.seq, data: streamEvents.data })
        .from(streamEvents)
        .where(and(ofStream, gt(streamEvents.seq, placeholder("after"))))
        .orderBy(asc(streamEvents.seq))
        .limit(EVENT_BATCH),
  });

  /** Deletes the oldest events after `count` new ones. */
  const prune = async (streamId: number, last: number, count: number, maxEvents: number) => {
    const upTo = prunedBy(last, count, maxEvents);
    if (upTo !== undefined)
      await Promise.all([q.prune.run({ streamId, upTo }), q.setPruned.run({ streamId, upTo })]);
  };
  return {
    /**
     * Inside a write: adds events and returns the number of the last. The stream's row is locked before the check of who
     * runs its requests: whoever takes them over locks it, too.
     * @throws AppError `not_found`, `interrupted`
     */
    async add(id: string, { data, maxEvents, instanceId, sessions = [] }: NewEvents) {
      const streamId = rowId(id);
      const now = clock.now();
      const [stream, grown] = await Promise.all([
        q.lock.get({ streamId }),
        q.add.get({ streamId, data, instanceId: instanceId ?? null, sessions, now }),
      ]);
      if (stream === undefined) throw streamGone();
      if (grown === undefined) throw requestTakenOver();
      await prune(streamId, grown.lastSeq, data.length, maxEvents);
      return grown.lastSeq;
    },
    after: (id: string, after: number): Promise<StreamEvent[]> =>
      q.after.all({ streamId: rowId(id), after }),
  };
}
