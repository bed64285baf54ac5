// Rows of outboxes: messages that wait for a client without a connection.
import { and, asc, eq, sql } from "drizzle-orm";
import { MAX_OUTBOX, type Notice } from "../../../updates/store.ts";
import { sessionOfUri } from "../../shared/clients.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import type { Usage } from "../limits/usage.ts";
import { clients, outbox } from "../schema/schema.ts";

const { placeholder } = sql;

export function outboxRows({ db, clock }: Engine, usage: Pick<Usage, "hasProgramRoom">) {
  const ofClient = eq(outbox.clientId, placeholder("clientId"));
  const q = lazily({
    client: () =>
      db
        .select({ id: clients.id })
        .from(clients)
        .where(eq(clients.id, placeholder("clientId")))
        .prepare(),
    same: () =>
      db
        .select({ id: outbox.id })
        .from(outbox)
        .where(and(ofClient, eq(outbox.data, placeholder("data"))))
        .limit(1)
        .prepare(),
    post: () =>
      db
        .insert(outbox)
        .values({
          clientId: placeholder("clientId"),
          data: placeholder("data"),
          createdAt: placeholder("now"),
          sessionId: placeholder("session"),
        })
        .prepare(),
    bound: () =>
      db
        .delete(outbox)
        .where(
          sql`${outbox.id} in (select id from outbox where client_id = ${placeholder("clientId")}
          order by id desc limit -1 offset ${MAX_OUTBOX})`,
        )
        .prepare(),
    any: () => db.select({ id: outbox.id }).from(outbox).where(ofClient).limit(1).prepare(),
    all: () => db.select().from(outbox).where(ofClient).orderBy(asc(outbox.id)).prepare(),
    empty: () => db.delete(outbox).where(ofClient).prepare(),
  });

  /** Inside a write: drops a message to a client that has gone since it was looked up. */
  const put = (clientId: string, data: string, session?: string): void => {
    if (q.client.get({ clientId }) === undefined) return;
    q.post.run({ clientId, data, session: session ?? null, now: clock.now() });
    q.bound.run({ clientId });
  };
  return {
    put,

    /** Inside a write: skips what is waiting already, and clients whose principal has no room. */
    announce(notices: readonly Notice[]): void {
      for (const { clientId, data, uri } of notices)
        if (q.same.get({ clientId, data }) === undefined && usage.hasProgramRoom(clientId))
          put(clientId, data, sessionOfUri(uri));
    },

    isWaiting: (clientId: string): boolean => q.any.get({ clientId }) !== undefined,

    /** Inside a write: empties the outbox and returns its rows, in order. */
    take(clientId: string): (typeof outbox.$inferSelect)[] {
      const rows = q.all.all({ clientId });
      if (rows.length > 0) q.empty.run({ clientId });
      return rows;
    },
  };
}

export type OutboxRows = ReturnType<typeof outboxRows>;
