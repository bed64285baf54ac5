// Room for the programs of a principal that has reached its limit. Rows that no client waits for go before a program is
// refused; the next cleanups would delete them anyway.
import { sql } from "drizzle-orm";
import { clientHeld } from "../../shared/expiry.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { clients, streams } from "../schema/schema.ts";

const { placeholder } = sql;

/** So much goes at once; the next one that needs room goes on. */
const ROWS = 50;

export interface ProgramRoom {
  /** To be called inside a write; returns `enough`, which is asked after each step. `id`: of the client that needs it. */
  make(id: string, enough: () => boolean): boolean;
}

export function sqliteProgramRoom(engine: Engine): ProgramRoom {
  const { db, clock } = engine;
  const ofOwner = sql`clients.owner = (select owner from clients one where one.id = ${placeholder("id")})`;
  const ended = () =>
    db
      .delete(clients)
      .where(
        sql`${clients.id} in (select id from clients where ended_at is not null and ${ofOwner} limit ${ROWS})`,
      )
      .prepare();
  /** Finished, and written whole to a connection. */
  const delivered = () =>
    db
      .delete(streams)
      .where(
        sql`${streams.id} in (select streams.id from clients join streams on streams.client_id = clients.id
        where ${ofOwner} and clients.ended_at is null and finished_at is not null and undelivered is null
        order by streams.id limit ${ROWS})`,
      )
      .prepare();
  /** A program pushes out none of another's. */
  const neverBack = () =>
    db
      .delete(clients)
      .where(
        sql`${clients.id} in (select id from clients where ${ofOwner} and ended_at is null
        and credentials is (select credentials from clients one where one.id = ${placeholder("id")})
        and last_seen_at = created_at and not ${clientHeld}
        and id <> ${placeholder("id")} order by created_at limit ${ROWS})`,
      )
      .prepare();
  const q = lazily({ ended, delivered, neverBack });
  return {
    make(id, enough) {
      for (const step of ["ended", "delivered", "neverBack"] as const) {
        const { changes } = q[step].run({ id, now: clock.now() });
        if (changes > 0 && step !== "delivered") engine.cached.clients.clear();
        if (enough()) return true;
      }
      return false;
    },
  };
}
