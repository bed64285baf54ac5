// Deletion of a session's rows in batches, the oldest first, because one deletion of many would hold up all calls.
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Clearable } from "../../../sessions/store.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import { messages, sessionState } from "../schema/schema.ts";
import type { IndexMerge } from "../search/index-merge.ts";

const { placeholder } = sql;

/** Numbers of rows per batch, and number from which a session is deleted in batches. */
const [FIRST_ROWS, MIN_ROWS, MAX_ROWS] = [8, 4, 100];
/** Number of deleted messages after which the full-text index is looked after. */
const MERGE_EVERY = 1_000;
/** Duration of a batch above which the next one is smaller, in ms. */
const PIECE_MS = 4;

function statements({ db }: Engine) {
  return lazily({
    oldestMessages: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select id from messages where session_id = ${placeholder("id")}
          order by seq limit ${placeholder("limit")})`,
        )
        .returning({ seq: messages.seq })
        .prepare(),
    someState: () =>
      db
        .delete(sessionState)
        .where(
          sql`${sessionState.sessionId} = ${placeholder("id")} and ${sessionState.key} in
          (select key from session_state where session_id = ${placeholder("id")} limit ${placeholder("limit")})`,
        )
        .prepare(),
    rows: () =>
      db
        .select({
          messages: sql<number>`(select count(*) from (select 1 from messages
          where session_id = ${placeholder("id")} limit ${MAX_ROWS}))`,
          keys: sql<number>`(select count(*) from (select 1 from session_state
          where session_id = ${placeholder("id")} limit ${MAX_ROWS}))`,
        })
        .from(sql`(select 1)`)
        .prepare(),
  });
}

export function sqliteBatches(engine: Engine, index: IndexMerge) {
  const gaps = sqliteHistoryGaps(engine);
  const q = statements(engine);
  const large = (id: string, what: Clearable): { history: boolean; state: boolean } => {
    const left = q.rows.get({ id })!;
    return {
      history: what !== "state" && left.messages === MAX_ROWS,
      state: what !== "history" && left.keys === MAX_ROWS,
    };
  };

  /**
   * Deletes most of a large session's rows. An interruption leaves a session with fewer rows. `check` checks the caller's rights again in each batch.
   */
  const inPieces = async (
    id: string,
    what: Clearable,
    check: () => void = () => undefined,
  ): Promise<void> => {
    let unmerged = 0;
    for (let limit = FIRST_ROWS; ;) {
      const { history, state } = await engine.readNow(() => large(id, what));
      if (!history && !state) return;
      let began = 0;
      const rows = limit;
      await engine.free(
        () => {
          began = performance.now();
          check();
          if (state) q.someState.run({ id, limit: rows });
          const gone = history
            ? q.oldestMessages.all({ id, limit: rows }).map(({ seq }) => seq)
            : [];
          unmerged += gone.length;
          if (gone.length > 0) gaps.add(id, { missing: gone.length, lastSeq: Math.max(...gone) });
        },
        { durable: false },
      );
      const took = performance.now() - began; // with the commit
      limit = Math.min(Math.max(MIN_ROWS, took > PIECE_MS ? limit >> 1 : limit * 2), MAX_ROWS);
      await sleep(took); // leaves half of the time to other calls
      if (unmerged >= MERGE_EVERY) {
        await index.merge({ moreFollow: true });
        unmerged = 0;
      }
    }
  };

  const isLarge = (id: string): boolean => {
    const { history, state } = large(id, "all");
    return history || state;
  };
  return { inPieces, isLarge };
}
