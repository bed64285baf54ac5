// Deletes what a large session holds in pieces that let others in between.
import { setImmediate as nextTurn } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Clearable } from "../../../sessions/store.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteHistoryGaps } from "../history/history-gaps.ts";
import { messages, sessionState } from "../schema/schema.ts";

const { placeholder } = sql;

/** So many rows are deleted in one commit. */
const PIECE_ROWS = 500;

export function sqliteShrink(
  engine: Engine,
): (id: string, what: Clearable, check: () => void) => Promise<void> {
  const { db } = engine;
  const gaps = sqliteHistoryGaps(engine);
  const q = {
    oldestMessages: db
      .delete(messages)
      .where(
        sql`${messages.id} in (select id from messages where session_id = ${placeholder("id")}
          order by seq limit ${PIECE_ROWS})`,
      )
      .returning({ seq: messages.seq })
      .prepare(),
    someState: db
      .delete(sessionState)
      .where(
        sql`${sessionState.sessionId} = ${placeholder("id")} and ${sessionState.key} in
          (select key from session_state where session_id = ${placeholder("id")} limit ${PIECE_ROWS})`,
      )
      .prepare(),
    rows: db
      .select({
        messages: sql<number>`(select count(*) from (select 1 from messages
          where session_id = ${placeholder("id")} limit ${2 * PIECE_ROWS}))`,
        keys: sql<number>`(select count(*) from (select 1 from session_state
          where session_id = ${placeholder("id")} limit ${2 * PIECE_ROWS}))`,
      })
      .from(sql`(select 1)`)
      .prepare(),
  };

  /**
   * Deletes most of a large session's rows beforehand, the oldest first and some in each commit: all at once they would
   * hold up everybody. Who breaks off in between has a session with fewer of them. `check`: whether the caller still may.
   */
  return async (id, what, check) => {
    for (;;) {
      const left = await engine.readNow(() => q.rows.get({ id })!);
      const [history, state] = [
        what !== "state" && left.messages === 2 * PIECE_ROWS,
        what !== "history" && left.keys === 2 * PIECE_ROWS,
      ];
      if (!history && !state) return;
      await engine.free(
        () => {
          check();
          if (state) q.someState.run({ id });
          const gone = history ? q.oldestMessages.all({ id }).map(({ seq }) => seq) : [];
          if (gone.length > 0) gaps.add(id, { missing: gone.length, lastSeq: Math.max(...gone) });
        },
        { durable: false },
      );
      await nextTurn();
    }
  };
}
