// Deletion of a session's rows in batches, because one deletion of many would hold up all calls.
import { sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { BRISK, inBatches } from "../engine/expiring.ts";
import { lazily } from "../engine/statements.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import { messages, sessionState } from "../schema/schema.ts";
import type { IndexMerge } from "../search/index-merge.ts";

const { placeholder } = sql;

/** Number of rows from which messages or state are deleted in batches. */
const MANY_ROWS = 100;
/** Number of deleted messages after which the full-text index is looked after. */
const MERGE_EVERY = 1_000;

function statements({ db }: Engine) {
  return lazily({
    clearedMessages: () =>
      db
        .delete(messages)
        .where(
          sql`${messages.id} in (select messages.id from history_gaps join messages on messages.session_id = history_gaps.session_id
            and messages.seq <= history_gaps.cleared_seq
          where history_gaps.session_id = ${placeholder("id")} order by messages.seq limit ${placeholder("limit")})`,
        )
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
          where session_id = ${placeholder("id")} limit ${MANY_ROWS}))`,
          keys: sql<number>`(select count(*) from (select 1 from session_state
          where session_id = ${placeholder("id")} limit ${MANY_ROWS}))`,
        })
        .from(sql`(select 1)`)
        .prepare(),
  });
}

export function sqliteBatches(engine: Engine, index: IndexMerge) {
  const gaps = sqliteHistoryGaps(engine);
  const q = statements(engine);
  const size = (id: string): { messages: boolean; state: boolean } => {
    const rows = q.rows.get({ id })!;
    return { messages: rows.messages === MANY_ROWS, state: rows.keys === MANY_ROWS };
  };

  return {
    /** Runs inside a read or write: true for a session whose messages are many. */
    hasManyMessages: (id: string): boolean => size(id).messages,

    /** Runs inside a read or write. */
    isLarge: (id: string): boolean => {
      const { messages, state } = size(id);
      return messages || state;
    },

    /** Deletes the rows of a cleared history, the oldest first. */
    async removeCleared(id: string, signal?: AbortSignal): Promise<void> {
      let unmerged = 0;
      const remove = (limit: number): number => {
        const { changes } = q.clearedMessages.run({ id, limit });
        if (changes < limit) gaps.unmark(id);
        return changes;
      };
      const then = async (rows: number): Promise<void> => {
        unmerged += rows;
        if (unmerged < MERGE_EVERY) return;
        await index.merge({ moreFollow: true, signal });
        unmerged = 0;
      };
      await inBatches(engine, remove, { signal, pace: BRISK, then });
    },

    /** Deletes the state if it is large. `check` throws in each batch if the caller may no longer do it. */
    async removeState(id: string, check: () => void): Promise<void> {
      if (!(await engine.readNow(() => size(id).state))) return;
      const remove = (limit: number): number => {
        check();
        return q.someState.run({ id, limit }).changes;
      };
      await inBatches(engine, remove, { pace: BRISK });
    },
  };
}
