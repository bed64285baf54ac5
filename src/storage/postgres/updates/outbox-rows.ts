// Rows of outboxes: messages that wait for a client without a connection.
import { and, eq, sql } from "drizzle-orm";
import { MAX_OUTBOX, type Notice } from "../../../updates/store.ts";
import { sessionOfUri } from "../../shared/clients.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, outbox } from "../schema/schema.ts";

const { placeholder } = sql;

/**
 * Runs after all that this process has begun to put in these outboxes or take from them: what it puts there is taken by its
 * next look.
 */
export function inOutboxOrder<T>(
  engine: Engine,
  clientIds: readonly string[],
  act: () => Promise<T>,
): Promise<T> {
  const ids = [...new Set(clientIds)].toSorted();
  return ids.reduceRight((inner, id) => () => engine.inOrder(`outbox ${id}`, inner), act)();
}

export function outboxRows(engine: Engine, usage: Pick<Usage, "hasProgramRoom">) {
  const { db, clock } = engine;
  const ofClient = eq(outbox.clientId, placeholder("clientId"));
  const q = prepared({
    // A message that is being taken now does not count: it tells of the time before this change. A message that counts
    // cannot be taken before this change is committed.
    same: () =>
      db
        .select({ id: outbox.id })
        .from(outbox)
        .where(and(ofClient, eq(outbox.data, placeholder("data"))))
        .limit(1)
        .for("key share"),
    // Nothing for a client that has gone since it was looked up; one that is found stays until the commit.
    post: () =>
      db
        .with(
          db
            .$with("receiver", {})
            .as(
              sql`select ${clients.id} from ${clients} where ${clients.id} = ${placeholder("clientId")} for key share`,
            ),
        )
        .insert(outbox)
        .select(sql`select nextval('outbox_id_seq'), id, ${placeholder("data")}::text, ${placeholder("now")}::bigint,
          ${placeholder("session")}::text from receiver`),
    // An array is worked out once. `in (…)` is worked out again for each row where the planner knows the table as empty, which an
    // outbox mostly is: a million rows are read and locked for one message.
    bound: () =>
      db.delete(outbox).where(
        sql`${outbox.id} = any(array(select id from outbox where client_id = ${placeholder("clientId")}
          order by id desc offset ${sql.raw(String(MAX_OUTBOX))} for update skip locked))`,
      ),
    waiting: () =>
      db
        .selectDistinct({ clientId: outbox.clientId })
        .from(outbox)
        .where(sql`${outbox.clientId} = any(${placeholder("clientIds")}::text[])`),
    take: () => db.delete(outbox).where(ofClient).returning(),
  });

  /** Inside a write: drops a message to a client that has gone since it was looked up. */
  const put = async (clientId: string, data: string, session?: string): Promise<void> => {
    engine.changed("client", clientId);
    const values = { clientId, data, session: session ?? null, now: clock.now() };
    await Promise.all([q.post.run(values), q.bound.run({ clientId })]);
  };
  return {
    put,

    /** Inside a write: skips what is waiting already, and clients whose principal has no room. */
    async announce(notices: readonly Notice[]): Promise<void> {
      const looks = notices.map(async ({ clientId, data }) => {
        const [same, hasRoom] = await Promise.all([
          q.same.get({ clientId, data }),
          usage.hasProgramRoom(clientId),
        ]);
        return same === undefined && hasRoom;
      });
      const wanted = await Promise.all(looks);
      const left = notices.filter((_, n) => wanted[n]);
      await Promise.all(
        left.map(({ clientId, data, uri }) => put(clientId, data, sessionOfUri(uri))),
      );
    },

    /** The given clients whose outboxes are not empty. */
    waiting: async (clientIds: readonly string[]): Promise<string[]> =>
      (await q.waiting.all({ clientIds })).map(({ clientId }) => clientId),

    /** Inside a write: empties the outbox and returns its rows, in order. */
    take: async (clientId: string): Promise<(typeof outbox.$inferSelect)[]> =>
      (await q.take.all({ clientId })).toSorted((a, b) => a.id - b.id),
  };
}

export type OutboxRows = ReturnType<typeof outboxRows>;
