// Streams in SQLite: the event log, open requests and the outbox. A response event and the retirement of its request
// are one operation, so a crash leaves either an open request or a complete answer.
import { randomInt } from "node:crypto";
import { and, asc, eq, getTableColumns, gt, lte, ne, sql } from "drizzle-orm";
import { AppError } from "../../../lib/errors.ts";
import type {
  Ended,
  OpenRequest,
  RequestId,
  StreamRecord,
  StreamStore,
} from "../../../events/store.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import {
  clients,
  openRequests,
  outbox,
  streamEvents,
  streams,
  streamSessions,
} from "../schema/schema.ts";
import type { Usage } from "../limits/usage.ts";
import { lazily } from "../engine/statements.ts";

const { placeholder } = sql;

/** Large events, and now and then a small one, are held against what the client's principal may have. */
const LARGE_EVENT = 16_000; // characters
const EVENTS_A_CHECK = 16;

/** `onEvent` is called for each written event. */
export function sqliteStreamStore(
  engine: Engine,
  usage: Pick<Usage, "checkProgram">,
  graceMs: number,
  onEvent?: () => void,
): StreamStore {
  const { db, clock } = engine;
  const streamById = eq(streams.id, placeholder("streamId"));
  const requestByKey = and(
    eq(openRequests.streamId, placeholder("streamId")),
    eq(openRequests.requestId, placeholder("requestId")),
  );
  const stale = sql`(streams.touched_at <= ${placeholder("oldest")}
    and coalesce((select created_at from stream_events where stream_events.stream_id = streams.id
      order by seq desc limit 1), 0) <= ${placeholder("oldest")}
    and not exists (select 1 from open_requests where open_requests.stream_id = streams.id))`;

  /** The number of a stream's last event. */
  const lastSeq = sql<number>`coalesce(
    (select max(seq) from stream_events where stream_events.stream_id = streams.id), streams.pruned_seq)`;

  const q = lazily({
    open: () =>
      db
        .insert(streams)
        .values({
          clientId: placeholder("clientId"),
          publicId: placeholder("publicId"),
          kind: placeholder("kind"),
          createdAt: placeholder("now"),
          touchedAt: placeholder("now"),
          undelivered: placeholder("posted"),
        })
        .returning()
        .prepare(),
    find: () =>
      db
        .select({ ...getTableColumns(streams), lastSeq })
        .from(streams)
        .where(and(streamById, eq(streams.clientId, placeholder("clientId"))))
        .prepare(),
    findPublic: () =>
      db
        .select({ ...getTableColumns(streams), lastSeq })
        .from(streams)
        .where(
          and(
            eq(streams.clientId, placeholder("clientId")),
            eq(streams.publicId, placeholder("publicId")),
          ),
        )
        .prepare(),
    findUndelivered: () =>
      db
        .select({ ...getTableColumns(streams), lastSeq })
        .from(streams)
        .where(
          and(
            eq(streams.clientId, placeholder("clientId")),
            eq(streams.undelivered, placeholder("posted")),
          ),
        )
        .orderBy(asc(streams.id))
        .prepare(),
    clientOf: () =>
      db.select({ clientId: streams.clientId }).from(streams).where(streamById).prepare(),
    delivered: () => db.update(streams).set({ undelivered: null }).where(streamById).prepare(),
    addEvent: () =>
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
            .where(streamById),
        )
        .returning({ seq: streamEvents.seq })
        .prepare(),
    pruneEvents: () =>
      db
        .delete(streamEvents)
        .where(
          and(
            eq(streamEvents.streamId, placeholder("streamId")),
            lte(streamEvents.seq, placeholder("upTo")),
          ),
        )
        .prepare(),
    setPruned: () =>
      db
        .update(streams)
        .set({ prunedSeq: sql`${placeholder("upTo")}` })
        .where(streamById)
        .prepare(),
    events: () =>
      db
        .select({ seq: streamEvents.seq, data: streamEvents.data })
        .from(streamEvents)
        .where(
          and(
            eq(streamEvents.streamId, placeholder("streamId")),
            gt(streamEvents.seq, placeholder("after")),
          ),
        )
        .orderBy(asc(streamEvents.seq))
        .limit(placeholder("limit"))
        .prepare(),
    finish: () =>
      db
        .update(streams)
        .set({ finishedAt: sql`${placeholder("now")}`, touchedAt: sql`${placeholder("now")}` })
        .where(streamById)
        .prepare(),
    insertRequest: () =>
      db
        .insert(openRequests)
        .values({
          clientId: placeholder("clientId"),
          requestId: placeholder("requestId"),
          streamId: placeholder("streamId"),
          message: placeholder("message"),
          target: placeholder("target"),
          scope: placeholder("scope"),
          credentials: placeholder("credentials"),
          instanceId: placeholder("instanceId"),
          startedAt: placeholder("now"),
        })
        .prepare(),
    deleteRequest: () => db.delete(openRequests).where(requestByKey).prepare(),
    deleteOwnRequest: () =>
      db
        .delete(openRequests)
        .where(and(requestByKey, eq(openRequests.instanceId, placeholder("instanceId"))))
        .prepare(),
    takenOver: () =>
      db
        .select({ streamId: openRequests.streamId })
        .from(openRequests)
        .where(
          and(
            eq(openRequests.streamId, placeholder("streamId")),
            ne(openRequests.instanceId, placeholder("instanceId")),
          ),
        )
        .limit(1)
        .prepare(),
    deleteAll: () =>
      db
        .delete(streams)
        .where(eq(streams.clientId, placeholder("clientId")))
        .prepare(),
    addSession: () =>
      db
        .insert(streamSessions)
        .values({ streamId: placeholder("streamId"), sessionId: placeholder("sessionId") })
        .onConflictDoNothing()
        .prepare(),
    awaited: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(openRequests)
        .where(eq(openRequests.streamId, placeholder("streamId")))
        .prepare(),
    ofInstance: () =>
      db
        .selectDistinct({ streamId: openRequests.streamId })
        .from(openRequests)
        .where(eq(openRequests.instanceId, placeholder("instanceId")))
        .prepare(),
    orphans: () =>
      db
        .select({
          clientId: openRequests.clientId,
          owner: clients.owner,
          requestId: openRequests.requestId,
          streamId: openRequests.streamId,
          message: openRequests.message,
          target: openRequests.target,
          scope: openRequests.scope,
          credentials: openRequests.credentials,
          instanceId: openRequests.instanceId,
        })
        .from(openRequests)
        .innerJoin(clients, eq(clients.id, openRequests.clientId))
        .where(sql`${openRequests.instanceId} not in (select id from instances)`)
        .orderBy(asc(openRequests.startedAt))
        .prepare(),
    adopt: () =>
      db
        .update(openRequests)
        .set({ instanceId: sql`${placeholder("to")}` })
        .where(and(requestByKey, eq(openRequests.instanceId, placeholder("from"))))
        .prepare(),
    waiting: () =>
      db
        .select()
        .from(outbox)
        .where(eq(outbox.clientId, placeholder("clientId")))
        .orderBy(asc(outbox.id))
        .prepare(),
    emptyOutbox: () =>
      db
        .delete(outbox)
        .where(eq(outbox.clientId, placeholder("clientId")))
        .prepare(),
    touch: () =>
      db
        .update(streams)
        .set({ touchedAt: sql`${placeholder("now")}` })
        .where(streamById)
        .prepare(),
  });

  /** Inside a write: a stream, empty. */
  const open = (
    clientId: string,
    kind: StreamRecord["kind"],
    posted: string | null,
  ): StreamRecord => {
    const publicId = randomInt(1, 2 ** 47);
    return { ...q.open.get({ clientId, publicId, kind, now: clock.now(), posted }), lastSeq: 0 };
  };

  /** Inside a write: one more event. The oldest beyond `maxEvents` go, in steps of a tenth. */
  const add = (streamId: number, data: string, maxEvents = Infinity): number => {
    const added = q.addEvent.get({ streamId, data, now: clock.now() }) as
      { seq: number } | undefined;
    if (added === undefined) throw streamGone();
    onEvent?.();
    const { seq } = added;
    if (seq > maxEvents && seq % Math.ceil(maxEvents / 10) === 0) {
      q.pruneEvents.run({ streamId, upTo: seq - maxEvents });
      q.setPruned.run({ streamId, upTo: seq - maxEvents });
    }
    return seq;
  };

  const addSessions = (streamId: number, sessions: readonly string[] = []): void => {
    for (const sessionId of sessions) q.addSession.run({ streamId, sessionId });
  };

  /** Inside a write: ends a request; its stream is finished with the last of them. `instanceId`: who must run it. */
  const end = (
    streamId: number,
    requestId: RequestId,
    data?: string,
    instanceId?: string,
  ): Ended | undefined => {
    const key = { streamId, requestId: JSON.stringify(requestId) };
    const { changes } =
      instanceId === undefined
        ? q.deleteRequest.run(key)
        : q.deleteOwnRequest.run({ ...key, instanceId });
    if (changes === 0) return undefined;
    const seq = data === undefined ? 0 : add(streamId, data);
    const finished = q.awaited.get({ streamId })!.n === 0;
    if (finished) q.finish.run({ streamId, now: clock.now() });
    if (finished && data === undefined) q.delivered.run({ streamId }); // given up by its own client
    return { seq, finished };
  };

  const oldest = (): number => engine.time.ago(graceMs);

  return {
    openRequests: (clientId, instanceId, requests, posted) =>
      engine.write(() => {
        const now = clock.now();
        const stream = open(clientId, "request", posted);
        for (const { id, message, target, scope, credentials } of requests) {
          q.insertRequest.run({
            clientId,
            requestId: JSON.stringify(id),
            streamId: stream.id,
            message,
            target,
            scope,
            credentials,
            instanceId,
            now,
          });
        }
        usage.checkProgram(clientId);
        return stream;
      }),

    openStandalone: (clientId) =>
      engine.write(() => {
        const stream = open(clientId, "standalone", null);
        usage.checkProgram(clientId);
        return stream;
      }),

    find: (clientId, streamId) => engine.readNow(() => q.find.get({ clientId, streamId })),

    findPublic: (clientId, publicId) =>
      engine.readNow(() => q.findPublic.get({ clientId, publicId })),

    findUndelivered: (clientId, posted) =>
      engine.readNow(() => q.findUndelivered.all({ clientId, posted })),
    delivered: (streamId) => engine.writeRelaxed(() => void q.delivered.run({ streamId })),

    append: (streamId, data, maxEvents, instanceId, sessions) =>
      engine.write(() => {
        if (instanceId !== undefined && q.takenOver.get({ streamId, instanceId }))
          throw takenOver();
        const seq = add(streamId, data, maxEvents);
        addSessions(streamId, sessions);
        // The answer is stored in any case: its call was done.
        if (data.length > LARGE_EVENT || seq % EVENTS_A_CHECK === 0)
          usage.checkProgram(q.clientOf.get({ streamId })!.clientId);
        return seq;
      }),

    events: (streamId, after, limit) =>
      engine.readDurable(() => q.events.all({ streamId, after, limit })),

    answer: (streamId, requestId, data, instanceId, sessions) =>
      engine.write(() => {
        const ended = end(streamId, requestId, data, instanceId);
        if (ended !== undefined) addSessions(streamId, sessions);
        return ended;
      }),
    retire: (streamId, requestId) => engine.write(() => end(streamId, requestId)),

    deleteAll: (clientId) => engine.free(() => void q.deleteAll.run({ clientId })),

    drain: (clientId, streamId, maxEvents) =>
      engine.write(() => {
        const stream = q.find.get({ clientId, streamId });
        if (stream === undefined) throw streamGone();
        let last = stream.lastSeq;
        const waiting = q.waiting.all({ clientId });
        for (const { data, sessionId } of waiting) {
          last = add(streamId, data, maxEvents);
          if (sessionId !== null) addSessions(streamId, [sessionId]);
        }
        if (waiting.length > 0) q.emptyOutbox.run({ clientId });
        return last;
      }),

    streamsOf: (instanceId) =>
      engine.readNow(() => q.ofInstance.all({ instanceId }).map(({ streamId }) => streamId)),

    orphans: () =>
      engine.readDurable(() =>
        q.orphans.all().map(({ requestId, target, credentials, ...rest }): OpenRequest => ({
          ...rest,
          id: JSON.parse(requestId) as RequestId,
          target: target ?? null,
          credentials: credentials ?? null,
        })),
      ),

    adopt: ({ streamId, id, instanceId: from }, to) =>
      engine.write(
        () => q.adopt.run({ streamId, requestId: JSON.stringify(id), from, to }).changes === 1,
      ),

    touch: (streamIds) =>
      engine.write(() => {
        const now = clock.now();
        for (const streamId of streamIds) q.touch.run({ streamId, now });
      }),

    ...sqliteExpiring(engine, streams, stale, () => ({ oldest: oldest() })),
  };
}

const streamGone = (): AppError => new AppError("not_found", "That stream has ended.");

const takenOver = (): AppError =>
  new AppError("interrupted", "Another process has taken this request over.");
