// Room for one more client among those of the same credentials: a program's clients push out none of another program's.
import { sql } from "drizzle-orm";
import type { Client } from "../../../sessions/session.ts";
import { tooManyClients } from "../../shared/clients.ts";
import { clientEngaged } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { clients } from "../schema/schema.ts";

const { placeholder } = sql;

/** So close to the maximum, clients of the same credentials are created one after the other. */
const CLOSE = 100;

/**
 * To be called inside a write, before it stores anything: nobody waits here with a row in hand that others wait for. Ends
 * clients beyond the maximum, first those that never came back, then the longest idle ones.
 * @throws AppError `limit` when all are connected
 */
export type ClientRoom = (client: Client) => Promise<void>;

export function postgresClientRoom(engine: Engine, maxClients: number): ClientRoom {
  const { db } = engine;
  // `is not distinct from` would use no index.
  const ofSameCredentials = sql`owner = ${placeholder("owner")} and ended_at is null
    and (credentials = ${placeholder("credentials")} or (credentials is null and ${placeholder("credentials")}::text is null))`;
  // Whoever opens a stream or connects holds the client's row: a client that is at it now is not idle.
  const unlocked = sql`limit ${placeholder("excess")} for update skip locked`;
  const q = prepared({
    // Listening streams are clients too, but never seen: their own limit bounds them.
    countLiving: () =>
      db
        .select({ n: sql<number>`count(*)` })
        .from(clients)
        .where(sql`${ofSameCredentials} and last_seen_at > 0`),
    deleteNeverBack: () =>
      db.delete(clients).where(
        sql`${clients.id} = any(array(select id from clients where ${ofSameCredentials}
          and last_seen_at = created_at and not ${clientEngaged} order by created_at ${unlocked}))`,
      ),
    endIdlest: () =>
      db
        .update(clients)
        .set({ endedAt: sql`${placeholder("now")}` })
        .where(
          sql`${clients.id} = any(array(select id from clients where ${ofSameCredentials}
          and last_seen_at > 0 and not ${clientEngaged} order by last_seen_at ${unlocked}))`,
        ),
  });
  return async ({ owner, credentials }) => {
    const same = { owner, credentials };
    let { n } = (await q.countLiving.get(same))!;
    if (n < maxClients - CLOSE) return;
    await engine.lock(`clients of ${JSON.stringify([owner, credentials])}`);
    ({ n } = (await q.countLiving.get(same))!);
    const excess = n + 1 - maxClients;
    if (excess <= 0) return;
    const values = { ...same, now: engine.clock.now() };
    let { changes: gone } = await q.deleteNeverBack.run({ ...values, excess });
    if (gone < excess)
      gone += (await q.endIdlest.run({ ...values, excess: excess - gone })).changes;
    if (gone < excess) throw tooManyClients(maxClients);
  };
}
