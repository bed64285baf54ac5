// Work that an instance has begun and not ended, in PostgreSQL.
import { and, eq, isNull, sql } from "drizzle-orm";
import type { InstanceStore, Work } from "../../../instances/store.ts";
import { DUE } from "../../../tasks/store.ts";
import { GONE } from "../../shared/keyed-calls.ts";
import type { Engine } from "../engine/engine.ts";
import { prepared } from "../engine/statements.ts";
import {
  keyedCalls,
  messages,
  openRequests,
  sessions,
  streams,
  tasks,
  turns,
} from "../schema/schema.ts";

const { placeholder } = sql;

/** `onLeft` is called after work was abandoned. */
export function instanceWork(
  engine: Engine,
  onLeft: () => void,
): Pick<InstanceStore, "work" | "abandon"> {
  const q = statements(engine);
  return {
    work: (id) => engine.read(() => q.work.all({ id })),
    async abandon(id, work) {
      const of = (kind: Work["kind"]): string[] =>
        work.filter((one) => one.kind === kind).map((one) => one.id);
      await engine.write(async () => {
        const [turnsOf, calls, requests] = [of("turn"), of("call"), of("stream").map(Number)];
        // All that reads a turn to act on it has locked the session; a request, its stream.
        await Promise.all([
          q.lockSessions.all({ ids: turnsOf }),
          q.lockStreams.all({ ids: requests }),
        ]);
        const [ended, left, tasksLeft] = await Promise.all([
          q.endTurns.all({ id, ids: turnsOf }),
          q.leaveCalls.all({ id, ids: calls.map(Number) }),
          q.leaveTasks.all({ id, ids: of("task") }),
          q.leaveRequests.run({ id, ids: requests }),
        ]);
        if (ended.length > 0)
          await q.interrupt.run({ ids: ended.map(({ messageId }) => messageId) });
        for (const { sessionId } of ended) engine.changed("session", sessionId);
        for (const call of left) engine.changed("call", String(call.id));
        if (tasksLeft.length > 0) engine.changed("task", DUE);
      });
      onLeft();
    },
  };
}

function statements({ db }: Engine) {
  const oneOf = (type: "text" | "bigint") => sql`any(${placeholder("ids")}::${sql.raw(type)}[])`;
  return prepared({
    interrupt: () =>
      db
        .update(messages)
        .set({ status: "interrupted" })
        .where(sql`${messages.status} = 'pending' and ${messages.id} = ${oneOf("bigint")}`),
    work: () =>
      db.select({ kind: sql<Work["kind"]>`kind`, id: sql<string>`id` }).from(
        sql`(select 'turn' as kind, session_id as id from turns where instance_id = ${placeholder("id")}
            union all select 'call', id::text from keyed_calls where instance_id = ${placeholder("id")} and outcome is null
            union select 'stream', stream_id::text from open_requests where instance_id = ${placeholder("id")}
            union all select 'task', tasks.id from tasks where tasks.instance_id = ${placeholder("id")}) as work`,
      ),
    lockSessions: () =>
      db
        .select({ id: sessions.id })
        .from(sessions)
        .where(sql`${sessions.id} = ${oneOf("text")}`)
        .orderBy(sessions.id)
        .for("no key update"),
    lockStreams: () =>
      db
        .select({ id: streams.id })
        .from(streams)
        .where(sql`${streams.id} = ${oneOf("bigint")}`)
        .orderBy(streams.id)
        .for("no key update"),
    endTurns: () =>
      db
        .delete(turns)
        .where(
          and(eq(turns.instanceId, placeholder("id")), sql`${turns.sessionId} = ${oneOf("text")}`),
        )
        .returning({ sessionId: turns.sessionId, messageId: turns.messageId }),
    leaveCalls: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: GONE })
        .where(
          and(
            eq(keyedCalls.instanceId, placeholder("id")),
            isNull(keyedCalls.outcome),
            sql`${keyedCalls.id} = ${oneOf("bigint")}`,
          ),
        )
        .returning({ id: keyedCalls.id }),
    leaveTasks: () =>
      db
        .update(tasks)
        .set({ instanceId: GONE })
        .where(and(eq(tasks.instanceId, placeholder("id")), sql`${tasks.id} = ${oneOf("text")}`))
        .returning({ id: tasks.id }),
    leaveRequests: () =>
      db
        .update(openRequests)
        .set({ instanceId: GONE })
        .where(
          and(
            eq(openRequests.instanceId, placeholder("id")),
            sql`${openRequests.streamId} = ${oneOf("bigint")}`,
          ),
        ),
  });
}
