// Work that an instance has begun and not ended, in SQLite.
import { and, eq, isNull, sql } from "drizzle-orm";
import type { InstanceStore, Work } from "../../../instances/store.ts";
import { GONE } from "../../shared/keyed-calls.ts";
import type { Engine } from "../engine/engine.ts";
import { lazily } from "../engine/statements.ts";
import { keyedCalls, messages, openRequests, tasks, turns } from "../schema/schema.ts";

const { placeholder } = sql;

const ofInstance = ({
  instanceId,
}: typeof turns | typeof keyedCalls | typeof openRequests | typeof tasks) =>
  eq(instanceId, placeholder("id"));

export function instanceWork(engine: Engine): Pick<InstanceStore, "work" | "abandon"> {
  const q = statements(engine);
  return {
    work: (id) =>
      engine.readNow(() => [
        ...q.turns.all({ id }).map(({ id: turn }): Work => ({ kind: "turn", id: turn })),
        ...q.calls.all({ id }).map((call): Work => ({ kind: "call", id: String(call.id) })),
        ...q.requests.all({ id }).map((one): Work => ({ kind: "stream", id: String(one.id) })),
        ...q.tasks.all({ id }).map((task): Work => ({ kind: "task", id: task.id })),
      ]),
    async abandon(id, work) {
      await engine.write(() => {
        for (const { kind, id: one } of work) {
          if (kind === "call") q.leaveCall.run({ id, one: Number(one) });
          else if (kind === "stream") q.leaveRequests.run({ id, one: Number(one) });
          else if (kind === "task") q.leaveTask.run({ id, one });
          else {
            q.interruptTurn.run({ id, one });
            q.endTurn.run({ id, one });
          }
        }
      });
      engine.otherProcesses.report();
    },
  };
}

function statements({ db }: Engine) {
  return lazily({
    turns: () => db.select({ id: turns.sessionId }).from(turns).where(ofInstance(turns)).prepare(),
    calls: () =>
      db
        .select({ id: keyedCalls.id })
        .from(keyedCalls)
        .where(and(ofInstance(keyedCalls), isNull(keyedCalls.outcome)))
        .prepare(),
    requests: () =>
      db
        .selectDistinct({ id: openRequests.streamId })
        .from(openRequests)
        .where(ofInstance(openRequests))
        .prepare(),
    tasks: () => db.select({ id: tasks.id }).from(tasks).where(ofInstance(tasks)).prepare(),
    leaveTask: () =>
      db
        .update(tasks)
        .set({ instanceId: GONE })
        .where(and(eq(tasks.id, placeholder("one")), ofInstance(tasks)))
        .prepare(),
    interruptTurn: () =>
      db
        .update(messages)
        .set({ status: "interrupted" })
        .where(
          sql`${messages.status} = 'pending' and ${messages.id} in (select ${turns.messageId} from ${turns}
            where ${turns.sessionId} = ${placeholder("one")} and ${ofInstance(turns)})`,
        )
        .prepare(),
    endTurn: () =>
      db
        .delete(turns)
        .where(and(eq(turns.sessionId, placeholder("one")), ofInstance(turns)))
        .prepare(),
    leaveCall: () =>
      db
        .update(keyedCalls)
        .set({ instanceId: GONE })
        .where(
          and(
            eq(keyedCalls.id, placeholder("one")),
            ofInstance(keyedCalls),
            isNull(keyedCalls.outcome),
          ),
        )
        .prepare(),
    leaveRequests: () =>
      db
        .update(openRequests)
        .set({ instanceId: GONE })
        .where(and(eq(openRequests.streamId, placeholder("one")), ofInstance(openRequests)))
        .prepare(),
  });
}
