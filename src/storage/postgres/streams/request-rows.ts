// Rows of open requests. Request ids are JSON texts here, because `1` and `"1"` are two ids. Whoever opens, ends or takes
// over a request locks its stream first.
import { and, asc, eq, sql } from "drizzle-orm";
import type {
  Ended,
  NewRequest,
  OpenRequest,
  RequestId,
  StreamRecord,
} from "../../../events/store.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { clients, openRequests, streams } from "../schema/schema.ts";
import { addSessions } from "./event-rows.ts";
import { newPublicId, rowId } from "./stream-rows.ts";

const { placeholder } = sql;

const keyOf = (streamId: string, requestId: RequestId) => ({
  streamId: rowId(streamId),
  requestId: JSON.stringify(requestId),
});

const jsonOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

export type RequestRows = ReturnType<typeof requestRows>;

export function requestRows({ db, clock }: Engine) {
  const q = statements(db);
  return {
    /** Inside a write: opens a stream with these requests. */
    async open(
      clientId: string,
      instanceId: string,
      list: readonly NewRequest[],
      posted: string,
    ): Promise<StreamRecord> {
      const publicId = newPublicId();
      const opened = await q.open.get({
        ...{ clientId, instanceId, publicId, posted, now: clock.now() },
        ids: list.map(({ id }) => JSON.stringify(id)),
        messages: list.map(({ message }) => JSON.stringify(message)),
        targets: list.map(({ target }) => jsonOf(target)),
        scopes: list.map(({ scope }) => scope),
        credentials: list.map(({ credentials }) => jsonOf(credentials)),
      });
      const fresh = { kind: "request", lastSeq: 0, prunedSeq: 0, finishedAt: null } as const;
      return { id: String(opened!.id), publicId: String(publicId), ...fresh };
    },
    /**
     * Inside a write: ends a request, and its stream with the last one. Undefined if there is none, or another instance runs
     * it. `data` is its answer; `instanceId` is the instance that must run it.
     */
    async end(
      streamId: string,
      requestId: RequestId,
      {
        data,
        instanceId = null,
        sessions = [],
      }: {
        data?: string;
        instanceId?: string | null;
        sessions?: readonly string[] | undefined;
      } = {},
    ): Promise<Ended | undefined> {
      const key = keyOf(streamId, requestId);
      const [, ended] = await Promise.all([
        q.lock.get({ streamId: key.streamId }),
        q.end.get({ ...key, data: data ?? null, instanceId, sessions, now: clock.now() }),
      ]);
      return ended && { seq: data === undefined ? 0 : ended.lastSeq, finished: ended.finished };
    },
    streamsOf: async (instanceId: string): Promise<string[]> =>
      (await q.ofInstance.all({ instanceId })).map(({ streamId }) => String(streamId)),
    orphans: async (): Promise<OpenRequest[]> =>
      (await q.orphans.all()).map(({ requestId, streamId, target, credentials, ...rest }) => ({
        ...rest,
        id: JSON.parse(requestId) as RequestId,
        streamId: String(streamId),
        target: target ?? null,
        credentials: credentials ?? null,
      })),
    /** Inside a write. From then on nothing of `from` is stored in the stream: see `end` and `EventRows.add`. */
    async adopt({ streamId, id, instanceId: from }: OpenRequest, to: string): Promise<boolean> {
      const key = keyOf(streamId, id);
      const [, { changes }] = await Promise.all([
        q.lock.get({ streamId: key.streamId }),
        q.adopt.run({ ...key, from, to }),
      ]);
      return changes === 1;
    },
  };
}

function statements(db: Engine["db"]) {
  const ofStream = eq(openRequests.streamId, placeholder("streamId"));
  const byKey = and(ofStream, eq(openRequests.requestId, placeholder("requestId")));
  return prepared({
    open: () => opening(db),
    lock: () =>
      db
        .select({ id: streams.id })
        .from(streams)
        .where(eq(streams.id, placeholder("streamId")))
        .for("no key update"),
    end: () => ending(db),
    ofInstance: () =>
      db
        .selectDistinct({ streamId: openRequests.streamId })
        .from(openRequests)
        .where(eq(openRequests.instanceId, placeholder("instanceId"))),
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
        .where(
          sql`not exists (select 1 from instances where instances.id = ${openRequests.instanceId})`,
        )
        // Of one POST: as they stand in it.
        .orderBy(asc(openRequests.startedAt), asc(openRequests.streamId), sql`open_requests.ctid`),
    adopt: () =>
      db
        .update(openRequests)
        .set({ instanceId: sql`${placeholder("to")}` })
        .where(and(byKey, eq(openRequests.instanceId, placeholder("from")))),
  });
}

/** Adds a stream and its requests. */
function opening(db: Engine["db"]) {
  const opened = db.$with("opened", { id: sql<number>`id` })
    .as(sql`insert into streams (client_id, public_id, kind, created_at, touched_at, undelivered)
      values (${placeholder("clientId")}, ${placeholder("publicId")}, 'request', ${placeholder("now")},
        ${placeholder("now")}, ${placeholder("posted")}) returning id, client_id, created_at`);
  const requests = db.$with("requests", {}).as(sql`insert into open_requests
      (client_id, request_id, stream_id, message, target, scope, credentials, instance_id, started_at)
      select client_id, request_id, id, message, target, scope, credentials, ${placeholder("instanceId")}, created_at
      from opened, unnest(${placeholder("ids")}::text[], ${placeholder("messages")}::text[], ${placeholder("targets")}::text[],
        ${placeholder("scopes")}::text[], ${placeholder("credentials")}::text[])
        as posted (request_id, message, target, scope, credentials)`);
  return db
    .with(opened, requests)
    .select({ id: sql<number>`id` })
    .from(opened);
}

/** Deletes a request, adds its answer, and finishes the stream with the last one. */
function ending(db: Engine["db"]) {
  const ended = db.$with("ended", {}).as(sql`delete from open_requests
      where stream_id = ${placeholder("streamId")} and request_id = ${placeholder("requestId")}
        and instance_id = coalesce(${placeholder("instanceId")}::text, instance_id)
      returning stream_id, not exists (select 1 from open_requests others
        where others.stream_id = open_requests.stream_id and others.request_id <> open_requests.request_id) as finished`);
  // An answer is an event; a request without one was given up by its own client, and nothing waits for delivery.
  const grown = db.$with("grown", {
    lastSeq: sql<number>`last_seq`,
    finished: sql<boolean>`finished`,
  }).as(sql`update streams
      set last_seq = last_seq + case when ${placeholder("data")}::text is null then 0 else 1 end,
        finished_at = case when finished then ${placeholder("now")}::bigint else finished_at end,
        touched_at = case when finished then ${placeholder("now")}::bigint else touched_at end,
        undelivered = case when finished and ${placeholder("data")}::text is null then null else undelivered end
      from ended where streams.id = ended.stream_id
      returning streams.id, last_seq, finished`);
  const added = db.$with("added", {})
    .as(sql`insert into stream_events (stream_id, seq, data, created_at)
      select id, last_seq, ${placeholder("data")}, ${placeholder("now")}::bigint from grown
      where ${placeholder("data")}::text is not null`);
  const content = db.$with("content", {}).as(addSessions("grown"));
  return db
    .with(ended, grown, added, content)
    .select({ lastSeq: sql<number>`last_seq`, finished: sql<boolean>`finished` })
    .from(grown);
}
