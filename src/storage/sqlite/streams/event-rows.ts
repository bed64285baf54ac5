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

/** `onEvent` is called for each written event. */
export function eventRows({ db, clock }: Engine, onEvent?: () => void) {
  const streamById = eq(streams.id, placeholder("streamId"));
  const ofStream = eq(streamEvents.streamId, placeholder("streamId"));
  // Checked here, because a process that was paused may write after another has taken its requests over, and answered them.
  const mayWrite = sql`(${placeholder("instanceId")} is null or (${streams.finishedAt} is null
    and not exists (select 1 from open_requests where open_requests.stream_id = streams.id
      and open_requests.instance_id <> ${placeholder("instanceId")})))`;
  const q = lazily({
    known: () => db.select({ id: streams.id }).from(streams).where(streamById).prepare(),
    add: () =>
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
  return {
    /**
     * Inside a write: adds an event and returns its number. The oldest events beyond `maxEvents` go, in steps of a tenth.
     * `instanceId` is the process that runs the stream's requests.
     * @throws AppError `not_found`, `interrupted`
     */
    add(id: string, data: string, maxEvents = Infinity, instanceId: string | null = null): number {
      const streamId = Number(id);
      const values = { streamId, data, instanceId, now: clock.now() };
      const added = q.add.get(values) as { seq: number } | undefined;
      if (added === undefined)
        throw q.known.get({ streamId }) === undefined ? streamGone() : requestTakenOver();
      onEvent?.();
      const { seq } = added;
      const upTo = prunedBy(seq, maxEvents);
      if (upTo !== undefined) {
        q.prune.run({ streamId, upTo });
        q.setPruned.run({ streamId, upTo });
      }
      return seq;
    },
    after: (id: string, after: number): StreamEvent[] =>
      q.after.all({ streamId: Number(id), after }),
    /** Inside a write: records the sessions of the stream's content. */
    addSessions(id: string, sessions: readonly string[] = []): void {
      for (const sessionId of sessions) q.addSession.run({ streamId: Number(id), sessionId });
    },
  };
}
