// The size of the database for `max-database`, looked up now and then: PostgreSQL asks the disk for each of its files.
import { sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { usage } from "../schema/schema.ts";

/** Shortest time between two looks. */
const KEEP_MS = 3_000;
/**
 * PostgreSQL keeps the room of deleted rows in its files and uses it again. A database of the maximum size takes more while
 * the accounts fill no more than this part of it, so that deletions make room.
 */
const PART_OF_ACCOUNTS = 1 / 2;

export interface DatabaseSize {
  /** True beyond this part of the maximum. */
  isFull(part: number): Promise<boolean>;
}

export function databaseSize({ db }: Engine, maxBytes: number): DatabaseSize {
  const q = prepared({
    look: () =>
      db
        .select({
          size: sql<number>`pg_database_size(current_database())`,
          stored: sql<number>`coalesce((select sum(${usage.storedBytes}) from ${usage}), 0)::bigint`,
        })
        .from(sql`(select 1) one`),
  });
  let last = { size: 0, stored: 0 };
  let until = -Infinity;
  return {
    async isFull(part) {
      if (performance.now() >= until) {
        until = performance.now() + KEEP_MS; // for those who ask meanwhile, too
        last = (await q.look.get())!;
      }
      const most = maxBytes * part;
      return last.size > most && last.stored > most * PART_OF_ACCOUNTS;
    },
  };
}
