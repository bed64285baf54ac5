// Room for a principal's programs where they have left all that they may: what nobody waits for goes before a program is
// refused, as the next cleanups would have deleted it.
import { sql } from "drizzle-orm";
import { clientHeld } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { clients, streams } from "../schema/schema.ts";

const { placeholder } = sql;

/** So much goes at once; the next one that needs room goes on. */
const ROWS = 50;

export interface ProgramRoom {
  /** To be called inside a write; returns `enough`, which is asked after each step. `id`: of the client that needs it. */
  make(id: string, enough: () => Promise<boolean>): Promise<boolean>;
}

export function postgresProgramRoom({ db, clock }: Engine): ProgramRoom {
  const ofOwner = sql`clients.owner = (select one.owner from clients one where one.id = ${placeholder("id")})`;
  // Rows that another transaction has locked are in use, and waiting for them could never end.
  const unlocked = sql.raw(`limit ${ROWS} for update skip locked`);
  const q = prepared({
    ended: () =>
      db
        .delete(clients)
        .where(
          sql`${clients.id} = any(array(select id from clients where ended_at is not null and ${ofOwner} ${unlocked}))`,
        ),
    /** Finished, and written whole to a connection. */
    delivered: () =>
      db.delete(streams).where(
        sql`${streams.id} = any(array(select streams.id from streams where finished_at is not null and undelivered is null
          and client_id in (select id from clients where ${ofOwner} and clients.ended_at is null)
          order by streams.id ${unlocked}))`,
      ),
    /** A program pushes out none of another's. */
    neverBack: () =>
      db.delete(clients).where(
        sql`${clients.id} = any(array(select id from clients where ${ofOwner} and ended_at is null
          and credentials is not distinct from (select one.credentials from clients one where one.id = ${placeholder("id")})
          and last_seen_at = created_at and not ${clientHeld}
          and id <> ${placeholder("id")} order by created_at ${unlocked}))`,
      ),
  });
  return {
    async make(id, enough) {
      for (const step of [q.ended, q.delivered, q.neverBack]) {
        await step.run({ id, now: clock.now() });
        if (await enough()) return true;
      }
      return false;
    },
  };
}
