// Rows of the event log: events with numbers of their own in each stream, and the sessions that they may speak of.
import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import type { StreamEvent } from "../../../events/store.ts";
import { EVENT_BATCH, prunedBy, requestTakenOver, streamGone } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { streamEvents, streams, streamSessions } from "../schema/schema.ts";
import { lastSeq } from "./stream-rows.ts";

const { placeholder } = sql;

export type EventRows = ReturnType<typeof eventRows>;

function statements({ db }: Engine) {
  const streamById = eq(streams.id, placeholder("streamId"));
  const ofStream = eq(streamEvents.streamId, placeholder("streamId"));
  // Checked here, because a process that was paused may write after another has taken its requests over, and answered them.
  const mayWrite = sql`(${placeholder("instanceId")} is null or (${streams.finishedAt} is null
    and not exists (select 1 from open_requests where open_requests.stream_id = streams.id
      and open_requests.instance_id <> ${placeholder("instanceId")})))`;
  const target = db.$with("target").as(
    db
      .select({ id: streams.id, lastSeq: lastSeq.as("last_seq") })
      .from(streams)
      .where(and(streamById, mayWrite)),
  );
  return lazily({
    known: () => db.select({ id: streams.id }).from(streams).where(streamById).prepare(),
    addOne: () =>
      db
        .insert(streamEvents)
        .select(
          db
            .select({
              streamId: streams.id,
              seq: sql<number>`${lastSeq} + 1`.as("seq"),
              data: sql<string>`${placeholder("data")}`.as("data"),
              createdAt: sql<number>`${placeholder("now")}`.as("created_at"),
            })
            .from(streams)
            .where(and(streamById, mayWrite)),
        )
        .returning({ seq: streamEvents.seq })
        .prepare(),
    // One statement, as its triggers are set up once for all of its rows.
    addMany: () =>
      db
        .with(target)
        .insert(streamEvents)
        .select(
          sql`select target.id, last_seq + 1 + each.key, each.value, ${placeholder("now")}
            from ${target}, json_each(${placeholder("data")}) as each`,
        )
        .returning({ seq: streamEvents.seq })
        .prepare(),
    prune: () =>
      db
        .delete(streamEvents)
        .where(and(ofStream, lte(streamEvents.seq, placeholder("upTo"))))
        .prepare(),
    setPruned: () =>
      db
        .update(streams)
        .set({ prunedSeq: sql`${placeholder("upTo")}` })
        .where(streamById)
        .prepare(),
    after: () =>
      db
        .select({ seq: streamEvents.seq, data: streamEvents.data })
        .from(streamEvents)
        .where(and(ofStream, gt(streamEvents.seq, placeholder("after"))))
        .orderBy(asc(streamEvents.seq))
        .limit(EVENT_BATCH)
        .prepare(),
    addSession: () =>
      db
        .insert(streamSessions)
        .values({ streamId: placeholder("streamId"), sessionId: placeholder("sessionId") })
        .onConflictDoNothing()
        .prepare(),
  });
}

/** `onEvent` is called for each written event. */
export function eventRows(engine: Engine, onEvent?: () => void) {
  const { clock } = engine;
  const q = statements(engine);
  return {
    /**
     * Inside a write: adds events and returns the number of the last. The oldest events beyond `maxEvents` go, in steps of a tenth.
     * `instanceId` is the process that runs the stream's requests.
     * @throws AppError `not_found`, `interrupted`
     */
    add(
      id: string,
      data: readonly string[],
      maxEvents = Infinity,
      instanceId: string | null = null,
    ): number {
      const streamId = Number(id);
      const values = { streamId, instanceId, now: clock.now() };
      const added = (
        data.length === 1
          ? q.addOne.get({ ...values, data: data[0] })
          : q.addMany.get({ ...values, data: JSON.stringify(data) })
      ) as { seq: number } | undefined; // of the first
      if (added === undefined)
        throw q.known.get({ streamId }) === undefined ? streamGone() : requestTakenOver();
      if (onEvent) data.forEach(onEvent);
      const last = added.seq + data.length - 1;
      const upTo = prunedBy(last, data.length, maxEvents);
      if (upTo !== undefined) {
        q.prune.run({ streamId, upTo });
        q.setPruned.run({ streamId, upTo });
      }
      return last;
    },
    after: (id: string, after: number): StreamEvent[] =>
      q.after.all({ streamId: Number(id), after }),
    /** Inside a write: records the sessions of the stream's content. */
    addSessions(id: string, sessions: readonly string[] = []): void {
      for (const sessionId of sessions) q.addSession.run({ streamId: Number(id), sessionId });
    },
  };
}
