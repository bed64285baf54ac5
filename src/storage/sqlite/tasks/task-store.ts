// Tasks in SQLite. All writes of a process follow each other, so that a claim that was checked holds to the end of the write.
import { and, desc, eq, isNull, sql } from "drizzle-orm";
import type { Claimant, ClaimedTask, TaskStore } from "../../../tasks/store.ts";
import { hasFailed } from "../../../tasks/task.ts";
import { HIDDEN } from "../../shared/expiry.ts";
import { deletedMeanwhile } from "../../shared/sessions.ts";
import {
  claimedOf,
  earlier,
  fairly,
  fullOwners,
  isOverdue,
  MAX_ROWS,
  newRow,
  taskAlive,
  taskExpired,
  taskOf,
  type TaskRow,
  toolBegins,
  tooManyTasks,
  viewOf,
} from "../../shared/tasks.ts";
import type { Engine } from "../engine/engine.ts";
import { sqliteExpiring } from "../engine/expiring.ts";
import type { Usage } from "../limits/usage.ts";
import { sessions, tasks } from "../schema/schema.ts";
import { dueRows, stepWrites, type TaskRows, taskRows, taskWrites } from "./task-rows.ts";
import { type EndTask, endTask, runWrites } from "./task-runs.ts";

export function sqliteTaskStore(engine: Engine, usage: Pick<Usage, "checkOwner">): TaskStore {
  const q = taskRows(engine);
  const runs = dueRows(engine);
  const writes = taskWrites(engine);
  const steps = stepWrites(engine);
  const end = endTask(engine, writes, steps);
  const passed = () => ({ passed: engine.times().passed });
  return {
    ...readers(engine, q, runs, passed),
    ...beginners(engine, { q, runs, writes, usage, passed }),
    async expire(how) {
      if ((await engine.readNow(() => runs.overdue.all(passed()))).length === 0) return [];
      return engine.free(() => {
        const ids = runs.overdue.all(passed()).map(({ id }) => id);
        return ids.filter((id) => end(id, how));
      });
    },
    ...runWrites(engine, { writes, steps, end, usage }),
    ...others(engine, { q, writes, steps, end, usage, passed }),
    ...sqliteExpiring(engine, tasks, taskExpired, passed),
  };
}

type Writes = ReturnType<typeof taskWrites>;
type DueRows = ReturnType<typeof dueRows>;
type Passed = () => { passed: number };

function readers(
  engine: Engine,
  q: TaskRows,
  runs: DueRows,
  passed: Passed,
): Pick<TaskStore, "find" | "list" | "revisions" | "nextDue" | "held"> {
  const { db } = engine;
  return {
    find: (id, owner) =>
      engine.readDurable(() => {
        const row = q.find.get({ id, ...passed() });
        if (row === undefined || (owner !== undefined && row.owner !== owner)) return undefined;
        return viewOf(row, q.questions.all({ id }));
      }),
    list: ({ owner, sessionId, toolPrefix, open, limit, after }) =>
      engine.readDurable(() =>
        db
          .select()
          .from(tasks)
          .where(
            and(
              owner === undefined ? undefined : eq(tasks.owner, owner),
              sessionId === undefined ? undefined : eq(tasks.sessionId, sessionId),
              toolBegins(toolPrefix),
              open === true ? isNull(tasks.finishedAt) : undefined,
              after && sql`(${tasks.createdAt}, ${tasks.id}) < (${after.createdAt}, ${after.id})`,
              taskAlive,
            ),
          )
          .orderBy(desc(tasks.createdAt), desc(tasks.id))
          .limit(Math.min(limit, MAX_ROWS))
          .prepare()
          .all(passed())
          .map(taskOf),
      ),
    revisions: (ids) =>
      engine.readDurable(
        () =>
          new Map(
            q.revisions.all({ ids: JSON.stringify(ids) }).map((row) => [row.id, row.revision]),
          ),
      ),
    nextDue: (by) =>
      engine.readNow(() => {
        const times = passed();
        const { wakeAt } = runs.next.get({ ...valuesOf(by), ...times }) ?? {};
        const at = by.only ? undefined : runs.nextExpiry.get()?.at;
        return earlier(wakeAt, at == null ? undefined : at + engine.clock.now() - times.passed);
      }),
    held: (instanceId) =>
      engine.readNow(() => runs.held.all({ instanceId }).map((row) => ({ ...row, instanceId }))),
  };
}

function beginners(
  engine: Engine,
  {
    q,
    runs,
    writes,
    usage,
    passed,
  }: {
    q: TaskRows;
    runs: DueRows;
    writes: Writes;
    usage: Pick<Usage, "checkOwner">;
    passed: Passed;
  },
): Pick<TaskStore, "create" | "claim"> {
  const { db, clock } = engine;
  const isRegistered = (id: string): boolean => q.alive.get({ id }) !== undefined;
  const hasSession = (id: string): boolean => {
    const session = db.select().from(sessions).where(eq(sessions.id, id)).get();
    return session !== undefined && session.lastActiveAt !== HIDDEN;
  };
  const claimed = (row: TaskRow, instanceId: string): ClaimedTask =>
    claimedOf(row, instanceId, q.steps.all({ id: row.id }), {
      callerIsAlive: row.callerInstance !== null && isRegistered(row.callerInstance),
    });
  return {
    create: (task, by, max) =>
      engine.write(() => {
        const { id, owner, sessionId } = task;
        if (!isRegistered(by.instanceId)) return "unregistered";
        const there = q.any.get({ id });
        if (there !== undefined) {
          if (!hasFailed(viewOf(there, []))) return { task: taskOf(there) };
          q.remove.run({ id });
        }
        if (sessionId !== null && !hasSession(sessionId)) throw deletedMeanwhile();
        if (q.countOpen.get({ owner })!.n >= max) throw tooManyTasks(max);
        const row = db
          .insert(tasks)
          .values(newRow(task, by, clock.now()))
          .returning()
          .get();
        usage.checkOwner(owner);
        if (!by.runs) return { task: taskOf(row) };
        const before = { ...row, instanceId: null, attempt: 0 };
        return { task: taskOf(row), claimed: claimed(before, by.instanceId) };
      }),
    async claim(by, max) {
      const { instanceId } = by;
      const values = { ...valuesOf(by), now: clock.now(), ...passed() };
      const find = () => fairly([...runs.lost.all(values), ...runs.due.all(values)], by, max);
      if ((await engine.readNow(find)).length === 0) return [];
      return engine.free(() => {
        if (!isRegistered(instanceId)) return "unregistered";
        return find().map((row) => {
          writes.take.run({ id: row.id, instanceId });
          return claimed(row, instanceId);
        });
      });
    },
  };
}

const valuesOf = (by: Claimant) => ({
  tools: JSON.stringify(by.tools),
  only: by.only === undefined ? null : JSON.stringify(by.only),
  full: JSON.stringify(fullOwners(by)),
});

/** For those who wait. */
function others(
  engine: Engine,
  {
    q,
    writes,
    steps,
    end,
    usage,
    passed,
  }: {
    q: TaskRows;
    writes: Writes;
    steps: ReturnType<typeof stepWrites>;
    end: EndTask;
    usage: Pick<Usage, "checkOwner">;
    passed: Passed;
  },
): Pick<TaskStore, "handOver" | "answer" | "cancel"> {
  const { clock } = engine;
  const findOf = (id: string, owner: string | undefined): TaskRow | undefined => {
    const row = q.find.get({ id, ...passed() });
    return owner === undefined || row?.owner === owner ? row : undefined;
  };
  return {
    handOver: (id) => engine.write(() => void writes.handOver.run({ id })),
    answer: (id, owner, answers) =>
      engine.write(() => {
        const task = findOf(id, owner);
        if (task === undefined) return undefined;
        if (isOverdue(task, passed().passed)) return [];
        const now = clock.now();
        const names = Object.entries(answers)
          .filter(([name, result]) => steps.answer.run({ id, name, result, now }).changes > 0)
          .map(([name]) => name);
        if (names.length === 0) return names;
        writes.restate.run({ id, now, wakeAt: now });
        usage.checkOwner(task.owner);
        return names;
      }),
    cancel: (id, owner) =>
      engine.free(() => {
        const task = findOf(id, owner);
        if (task === undefined) return undefined;
        if (task.finishedAt !== null) return "ended";
        const { instanceId } = task;
        if (instanceId === null || q.alive.get({ id: instanceId }) === undefined) {
          end(id, { status: "cancelled" });
          return "cancelled";
        }
        if (!task.cancelRequested) steps.requestCancel.run({ id, now: clock.now() });
        return "requested";
      }),
  };
}
