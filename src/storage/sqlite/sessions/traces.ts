// Traces of sessions elsewhere: events of streams, outcomes of keyed calls and of tasks, notifications in outboxes. The file itself has
// the statements (migrations/0026_traces.sql, 0037_tasks.sql): a deletion from the views deletes the traces, and triggers do it for each
// deleted session, also in another program.
import { sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";

/** To be called inside a write. */
export interface Traces {
  /** Deletes all traces of the session. */
  forget(id: string): void;
  /** Deletes traces that hold a message's text, and delivered events of streams, which may quote a part of it. */
  forgetText(id: string, text: string): void;
}

export function sqliteTraces({ db }: Engine): Traces {
  return {
    forget: (id) => void db.run(sql`delete from session_traces where session_id = ${id}`),
    forgetText(id, text) {
      const inJson = JSON.stringify(text).slice(1, -1);
      db.run(sql`delete from session_events
        where session_id = ${id} and (delivered or instr(data, ${inJson}))`);
      db.run(sql`delete from session_outcomes
        where session_id = ${id} and instr(outcome, ${inJson})`);
      db.run(sql`delete from keyed_call_changes where instr(result, ${inJson})
        and call_id in (select id from session_calls where session_id = ${id})`);
      db.run(sql`delete from tasks where session_id = ${id} and finished_at is not null
        and instr(result, ${inJson})`);
    },
  };
}
