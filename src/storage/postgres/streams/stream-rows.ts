// Rows of streams. Their ids are integers here, and opaque texts in the port.
import { randomInt } from "node:crypto";
import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import type { StreamRecord } from "../../../events/store.ts";
import { recordOf } from "../../shared/streams.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { streams } from "../schema/schema.ts";

const { placeholder } = sql;

type Row = typeof streams.$inferSelect;

/** The id of a row; 0, which no row has, for a text that is no id. */
export function rowId(id: string): number {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : 0;
}

/** A counted id would tell a client how many streams all others open. */
export const newPublicId = (): number => randomInt(1, 2 ** 47);

export type StreamRows = ReturnType<typeof streamRows>;

export function streamRows({ db, clock }: Engine) {
  const byId = eq(streams.id, placeholder("streamId"));
  const ofClient = eq(streams.clientId, placeholder("clientId"));
  const select = (condition: SQL | undefined) =>
    db.select().from(streams).where(condition).orderBy(asc(streams.id));
  const q = prepared({
    open: () =>
      db
        .insert(streams)
        .values({
          clientId: placeholder("clientId"),
          publicId: placeholder("publicId"),
          kind: "standalone",
          createdAt: placeholder("now"),
          touchedAt: placeholder("now"),
        })
        .returning(),
    find: () => select(and(byId, ofClient)),
    lock: () => select(and(byId, ofClient)).for("no key update"),
    findPublic: () => select(and(ofClient, eq(streams.publicId, placeholder("publicId")))),
    findUndelivered: () => select(and(ofClient, eq(streams.undelivered, placeholder("posted")))),
    clientOf: () => db.select({ clientId: streams.clientId }).from(streams).where(byId),
    delivered: () => db.update(streams).set({ undelivered: null }).where(byId),
    // Locked in the order of their ids, as by everybody who locks several.
    touch: () =>
      db
        .update(streams)
        .set({ touchedAt: sql`${placeholder("now")}` })
        .where(
          sql`${streams.id} in (select id from streams where id = any(${placeholder("ids")}::bigint[])
            order by id for no key update)`,
        ),
  });
  const found = (row: Row | undefined): StreamRecord | undefined => row && recordOf(row);
  return {
    /** Inside a write: opens a standalone stream. */
    async open(clientId: string): Promise<StreamRecord> {
      const values = { clientId, publicId: newPublicId(), now: clock.now() };
      return recordOf((await q.open.get(values))!);
    },
    find: async (clientId: string, streamId: string) =>
      found(await q.find.get({ clientId, streamId: rowId(streamId) })),
    /** Inside a write: the same, and keeps others from writing to it. */
    lock: async (clientId: string, streamId: string) =>
      found(await q.lock.get({ clientId, streamId: rowId(streamId) })),
    findPublic: async (clientId: string, publicId: string) =>
      found(await q.findPublic.get({ clientId, publicId: rowId(publicId) })),
    findUndelivered: async (clientId: string, posted: string) =>
      (await q.findUndelivered.all({ clientId, posted })).map(recordOf),
    clientOf: async (streamId: string): Promise<string> =>
      (await q.clientOf.get({ streamId: rowId(streamId) }))!.clientId,
    delivered: async (streamId: string): Promise<void> =>
      void (await q.delivered.run({ streamId: rowId(streamId) })),
    touch: async (streamIds: readonly string[]): Promise<void> =>
      void (await q.touch.run({ ids: streamIds.map(rowId), now: clock.now() })),
  };
}
