// Maintenance: PostgreSQL's autovacuum frees the room of deleted rows and keeps the planner's statistics. What is left are
// accounts of principals that have nothing any more.
import { sql } from "drizzle-orm";
import type { Maintenance } from "../../../jobs/cleanup.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { usage } from "../schema/schema.ts";

const { placeholder } = sql;

/** Accounts of one run. */
const ACCOUNTS = 1_000;

export function postgresUpkeep(engine: Engine): Maintenance {
  const { db } = engine;
  const isZero = sql`(sum(history_bytes), sum(state_bytes), sum(stored_bytes), sum(program_bytes)) = (0, 0, 0, 0)`;
  const q = prepared({
    empty: () =>
      db
        .select({ owner: usage.owner })
        .from(usage)
        .groupBy(usage.owner)
        .having(isZero)
        .limit(ACCOUNTS),
    // Rows that together are zero change no account, however many others there are by now.
    remove: () =>
      db
        .with(
          db.$with("held", {}).as(sql`select * from usage where owner = ${placeholder("owner")}
            order by shard for update skip locked`),
        )
        .delete(usage)
        .where(
          sql`owner = ${placeholder("owner")} and shard in (select shard from held) and (select ${isZero} from held)`,
        ),
  });
  return {
    async maintain(signal) {
      for (const { owner } of await engine.read(() => q.empty.all())) {
        if (signal?.aborted) return;
        await engine.writeRelaxed(() => q.remove.run({ owner }));
      }
    },
  };
}
