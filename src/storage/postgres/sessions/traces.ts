// Traces of sessions elsewhere: events of streams, outcomes of keyed calls and of tasks, notifications in outboxes. The database has the
// views of them, and deletes them with each deleted session (migrations/postgres/0001_views_and_triggers.sql).
import { sql } from "drizzle-orm";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import { keyedCallChanges, keyedCalls, streamEvents, tasks } from "../schema/schema.ts";

const { placeholder } = sql;

/** To be called inside a write that has locked the session. */
export interface Traces {
  /** Deletes all traces of the session. */
  forget(id: string): Promise<void>;
  /** Deletes traces that hold a message's text, and delivered events of streams, which may quote a part of it. */
  forgetText(id: string, text: string): Promise<void>;
}

export function postgresTraces({ db }: Engine): Traces {
  const id = placeholder("id");
  const text = sql`${placeholder("inJson")}::text`;
  const q = prepared({
    all: () => db.select({ done: sql`forget_session(${id})` }).from(sql`(select 1) as one`),
    events: () =>
      db
        .update(streamEvents)
        .set({ data: sql`deleted_event(stream_events.data)` })
        .where(
          sql`(stream_events.stream_id, stream_events.seq) in (select stream_id, seq from session_events
            where session_id = ${id} and (delivered or strpos(data, ${text}) > 0))`,
        ),
    changes: () =>
      db
        .delete(keyedCallChanges)
        .where(
          sql`strpos(result, ${text}) > 0 and call_id in (select id from session_calls where session_id = ${id})`,
        ),
    outcomes: () =>
      db
        .delete(keyedCalls)
        .where(
          sql`keyed_calls.id in (select id from session_calls where session_id = ${id} and strpos(outcome, ${text}) > 0)`,
        ),
    tasks: () =>
      db
        .delete(tasks)
        .where(
          sql`tasks.session_id = ${id} and tasks.finished_at is not null and strpos(tasks.result, ${text}) > 0`,
        ),
  });
  return {
    forget: async (id) => void (await q.all.get({ id })),
    async forgetText(id, text) {
      const values = { id, inJson: JSON.stringify(text).slice(1, -1) };
      const all = [q.events, q.changes, q.outcomes, q.tasks];
      await Promise.all(all.map((traces) => traces.run(values)));
    },
  };
}
