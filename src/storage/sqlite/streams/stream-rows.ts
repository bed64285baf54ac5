// Rows of streams. Their ids are integers here, and opaque texts in the port.
import { randomInt } from "node:crypto";
import { and, asc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { StreamRecord } from "../../../events/store.ts";
import { recordOf } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { streams } from "../schema/schema.ts";

const { placeholder } = sql;

/** The number of a stream's last event. */
export const lastSeq = sql<number>`coalesce(
  (select max(seq) from stream_events where stream_events.stream_id = streams.id), streams.pruned_seq)`;

type Row = typeof streams.$inferSelect & { lastSeq: number };

export type StreamRows = ReturnType<typeof streamRows>;

export function streamRows({ db, clock }: Engine) {
  const byId = eq(streams.id, placeholder("streamId"));
  const ofClient = eq(streams.clientId, placeholder("clientId"));
  const select = (condition: SQL | undefined) =>
    db
      .select({ ...getTableColumns(streams), lastSeq })
      .from(streams)
      .where(condition)
      .orderBy(asc(streams.id))
      .prepare();
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
    find: () => select(and(byId, ofClient)),
    findPublic: () => select(and(ofClient, eq(streams.publicId, placeholder("publicId")))),
    findUndelivered: () => select(and(ofClient, eq(streams.undelivered, placeholder("posted")))),
    clientOf: () => db.select({ clientId: streams.clientId }).from(streams).where(byId).prepare(),
    delivered: () => db.update(streams).set({ undelivered: null }).where(byId).prepare(),
    finish: () =>
      db
        .update(streams)
        .set({ finishedAt: sql`${placeholder("now")}`, touchedAt: sql`${placeholder("now")}` })
        .where(byId)
        .prepare(),
    touch: () =>
      db
        .update(streams)
        .set({ touchedAt: sql`${placeholder("now")}` })
        .where(byId)
        .prepare(),
  });
  const found = (row: Row | undefined): StreamRecord | undefined => row && recordOf(row);
  return {
    /** Inside a write. `posted`: absent for a standalone stream. */
    open(clientId: string, posted?: string): StreamRecord {
      const publicId = randomInt(1, 2 ** 47);
      const kind = posted === undefined ? "standalone" : "request";
      const values = { clientId, publicId, kind, now: clock.now(), posted: posted ?? null };
      return recordOf({ ...q.open.get(values), lastSeq: 0 });
    },
    find: (clientId: string, streamId: string) =>
      found(q.find.get({ clientId, streamId: Number(streamId) })),
    findPublic: (clientId: string, publicId: string) =>
      found(q.findPublic.get({ clientId, publicId: Number(publicId) })),
    findUndelivered: (clientId: string, posted: string) =>
      q.findUndelivered.all({ clientId, posted }).map(recordOf),
    clientOf: (streamId: string): string =>
      q.clientOf.get({ streamId: Number(streamId) })!.clientId,
    delivered: (streamId: string): void => void q.delivered.run({ streamId: Number(streamId) }),
    finish: (streamId: string): void =>
      void q.finish.run({ streamId: Number(streamId), now: clock.now() }),
    touch: (streamId: string): void =>
      void q.touch.run({ streamId: Number(streamId), now: clock.now() }),
  };
}
