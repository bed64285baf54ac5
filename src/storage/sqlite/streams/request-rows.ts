// Rows of open requests. Request ids are JSON texts here, because `1` and `"1"` are two ids.
import { and, asc, eq, sql } from "drizzle-orm";
import type { NewRequest, OpenRequest, RequestId } from "../../../events/store.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { clients, openRequests } from "../schema/schema.ts";

const { placeholder } = sql;

const keyOf = (streamId: string, requestId: RequestId) => ({
  streamId: Number(streamId),
  requestId: JSON.stringify(requestId),
});

export type RequestRows = ReturnType<typeof requestRows>;

const ofStream = eq(openRequests.streamId, placeholder("streamId"));
const byKey = and(ofStream, eq(openRequests.requestId, placeholder("requestId")));

function statements({ db }: Engine) {
  return lazily({
    insert: () =>
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
    delete: () => db.delete(openRequests).where(byKey).prepare(),
    deleteOwn: () =>
      db
        .delete(openRequests)
        .where(and(byKey, eq(openRequests.instanceId, placeholder("instanceId"))))
        .prepare(),
    pending: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(openRequests)
        .where(ofStream)
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
        .where(and(byKey, eq(openRequests.instanceId, placeholder("from"))))
        .prepare(),
  });
}

export function requestRows(engine: Engine) {
  const { clock } = engine;
  const q = statements(engine);
  return {
    insert(streamId: string, clientId: string, instanceId: string, { id, ...request }: NewRequest) {
      const now = clock.now();
      q.insert.run({ ...request, ...keyOf(streamId, id), clientId, instanceId, now });
    },
    /** Deletes a request; false if there is none, or another instance runs it. */
    delete(streamId: string, requestId: RequestId, instanceId?: string): boolean {
      const key = keyOf(streamId, requestId);
      const { changes } =
        instanceId === undefined ? q.delete.run(key) : q.deleteOwn.run({ ...key, instanceId });
      return changes > 0;
    },
    isPending: (streamId: string): boolean => q.pending.get({ streamId: Number(streamId) })!.n > 0,
    streamsOf: (instanceId: string): string[] =>
      q.ofInstance.all({ instanceId }).map(({ streamId }) => String(streamId)),
    orphans: (): OpenRequest[] =>
      q.orphans.all().map(({ requestId, streamId, target, credentials, ...rest }) => ({
        ...rest,
        id: JSON.parse(requestId) as RequestId,
        streamId: String(streamId),
        target: target ?? null,
        credentials: credentials ?? null,
      })),
    adopt: ({ streamId, id, instanceId: from }: OpenRequest, to: string): boolean =>
      q.adopt.run({ ...keyOf(streamId, id), from, to }).changes === 1,
  };
}
