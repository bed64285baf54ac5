// Tasks in PostgreSQL. Whoever acts on a task locks its row, also the one that claims it: a run that has lost its claim writes
// nothing.
import { and, desc, eq, isNull, sql } from "drizzle-orm";
import { type Claimant, type ClaimedTask, DUE, type TaskStore } from "../../../tasks/store.ts";
import { hasFailed } from "../../../tasks/task.ts";
import { deletedMeanwhile } from "../../shared/sessions.ts";
import {
  claimedOf,
  earlier,
  fairly,
  fullOwners,
  isOverdue,
  MAX_ROWS,
  newRow,
  taskExpired,
  taskOf,
  type TaskRow,
  toolBegins,
  tooManyTasks,
  viewOf,
} from "../../shared/tasks.ts";
import type { Engine } from "../engine/engine.ts";
import { postgresExpiring } from "../engine/expiring.ts";
import type { Usage } from "../limits/usage.ts";
import { tasks } from "../schema/schema.ts";
import { dueRows, stepWrites, type TaskRows, taskRows, taskWrites } from "./task-rows.ts";
import { type EndTask, endTask, runWrites } from "./task-runs.ts";

export function postgresTaskStore(engine: Engine, usage: Pick<Usage, "checkOwner">): TaskStore {
  const q = taskRows(engine);
  const runs = dueRows(engine);
  const writes = taskWrites(engine);
  const steps = stepWrites(engine);
  const end = endTask(engine, writes, steps);
  const passed = () => ({ passed: Math.floor(engine.times().passed) });
  return {
    ...readers(engine, q, runs, passed),
    ...beginners(engine, { q, runs, writes, usage, passed }),
    async expire(how) {
      if ((await engine.read(() => runs.someOverdue.get(passed()))) === undefined) return [];
      return engine.write(async () => {
        const ids: string[] = [];
        for (const { id } of await runs.overdue.all(passed())) if (await end(id, how)) ids.push(id);
        return ids;
      });
    },
    ...runWrites(engine, { writes, steps, end, usage }),
    ...others(engine, { q, writes, steps, end, usage, passed }),
    ...postgresExpiring(engine, tasks, taskExpired, passed),
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
      engine.read(async () => {
        // In this order: a step that is stored meanwhile belongs to a later state of the task.
        const row = await q.find.get({ id, ...passed() });
        if (row === undefined || (owner !== undefined && row.owner !== owner)) return undefined;
        return viewOf(row, await q.questions.all({ id }));
      }),
    list: ({ owner, sessionId, toolPrefix, open, limit, after }) =>
      engine.read(async () => {
        const rows = await db
          .select()
          .from(tasks)
          .where(
            and(
              owner === undefined ? undefined : eq(tasks.owner, owner),
              sessionId === undefined ? undefined : eq(tasks.sessionId, sessionId),
              toolBegins(toolPrefix),
              open === true ? isNull(tasks.finishedAt) : undefined,
              after && sql`(${tasks.createdAt}, ${tasks.id}) < (${after.createdAt}, ${after.id})`,
              sql`(tasks.finished_at is null or tasks.expires_at is null or tasks.expires_at > ${passed().passed})`,
            ),
          )
          .orderBy(desc(tasks.createdAt), desc(tasks.id))
          .limit(Math.min(limit, MAX_ROWS));
        return rows.map(taskOf);
      }),
    revisions: (ids) =>
      engine.read(
        async () =>
          new Map((await q.revisions.all({ ids })).map(({ id, revision }) => [id, revision])),
      ),
    nextDue: (by) =>
      engine.read(async () => {
        const times = passed();
        const [due, expiry] = await Promise.all([
          runs.next.get({ ...valuesOf(by), ...times }),
          by.only ? undefined : runs.nextExpiry.get({}),
        ]);
        const at = expiry?.at == null ? undefined : expiry.at + engine.clock.now() - times.passed;
        return earlier(due?.wakeAt, at);
      }),
    held: (instanceId) =>
      engine.read(async () =>
        (await runs.held.all({ instanceId })).map((row) => ({ ...row, instanceId })),
      ),
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
  const claimed = claimedBy(q);
  const create: TaskStore["create"] = async (task, by, max) => {
    const { id, owner, sessionId } = task;
    // Tasks of one owner begin one after the other: their number is bounded, and an id has one row.
    const [, registered, session, there, open] = await Promise.all([
      engine.lock(`tasks of ${owner}`),
      q.holdInstance.get({ instanceId: by.instanceId }),
      sessionId === null ? undefined : q.holdSession.get({ id: sessionId }),
      q.lock.get({ id }),
      q.countOpen.get({ owner }),
    ]);
    if (registered === undefined) return "unregistered";
    if (there !== undefined) {
      if (!hasFailed(viewOf(there, []))) return { task: taskOf(there) };
      await q.remove.run({ id });
    }
    if (sessionId !== null && session === undefined) throw deletedMeanwhile();
    if (open!.n >= max) throw tooManyTasks(max);
    const values = newRow(task, by, clock.now());
    const [row] = await db.insert(tasks).values(values).returning();
    await usage.checkOwner(owner);
    engine.changed("task", by.runs ? id : DUE);
    if (!by.runs) return { task: taskOf(row!) };
    const before = { ...row!, instanceId: null, attempt: 0 };
    return { task: taskOf(row!), claimed: await claimed(before, by.instanceId) };
  };
  return {
    create: (task, by, max) =>
      engine.inOrder(`tasks of ${task.owner}`, () => engine.write(() => create(task, by, max))),
    async claim(by, most) {
      const { instanceId } = by;
      const values = { ...valuesOf(by), now: Math.floor(clock.now()), ...passed() };
      const [due, lost] = await engine.read(() =>
        Promise.all([runs.someDue.get(values), runs.someLost.get(values)]),
      );
      if (due === undefined && lost === undefined) return [];
      return engine.write(async () => {
        const max = Math.min(most, MAX_ROWS);
        const [registered, left, waiting] = await Promise.all([
          q.holdInstance.get({ instanceId }),
          runs.lost.all({ ...values, max }),
          runs.due.all({ ...values, max }),
        ]);
        if (registered === undefined) return "unregistered";
        const rows = fairly([...left, ...waiting], by, max);
        return Promise.all(
          rows.map(async (row) => {
            await writes.take.run({ id: row.id, instanceId });
            return claimed(row, instanceId);
          }),
        );
      });
    },
  };
}

const valuesOf = (by: Claimant) => ({
  tools: by.tools,
  only: by.only ?? null,
  full: fullOwners(by),
});

const claimedBy =
  (q: TaskRows) =>
  async (row: TaskRow, instanceId: string): Promise<ClaimedTask> => {
    const [steps, caller] = await Promise.all([
      q.steps.all({ id: row.id }),
      row.callerInstance === null ? undefined : q.alive.get({ id: row.callerInstance }),
    ]);
    return claimedOf(row, instanceId, steps, { callerIsAlive: caller !== undefined });
  };

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
  const lockOf = async (id: string, owner: string | undefined) => {
    const row = await q.lock.get({ id });
    const isPast = row?.expiresAt != null && row.expiresAt <= passed().passed;
    const isGone = isPast && row.finishedAt !== null;
    return isGone || (owner !== undefined && row?.owner !== owner) ? undefined : row;
  };
  return {
    handOver: (id) => engine.write(async () => void (await writes.handOver.run({ id }))),
    answer: (id, owner, answers) =>
      engine.write(async () => {
        const task = await lockOf(id, owner);
        if (task === undefined) return undefined;
        if (isOverdue(task, passed().passed)) return [];
        const now = Math.floor(clock.now());
        const names: string[] = [];
        for (const [name, result] of Object.entries(answers))
          if ((await steps.answer.run({ id, name, result, now })).changes > 0) names.push(name);
        if (names.length === 0) return names;
        await writes.restate.run({ id, now, wakeAt: now });
        await usage.checkOwner(task.owner);
        engine.changed("task", id);
        engine.changed("task", DUE);
        return names;
      }),
    cancel: (id, owner) =>
      engine.write(async () => {
        const task = await lockOf(id, owner);
        if (task === undefined) return undefined;
        if (task.finishedAt !== null) return "ended";
        const { instanceId } = task;
        if (instanceId === null || (await q.alive.get({ id: instanceId })) === undefined) {
          await end(id, { status: "cancelled" });
          return "cancelled";
        }
        engine.changed("task", id);
        if (!task.cancelRequested) await writes.requestCancel.run({ id, now: clock.now() });
        return "requested";
      }),
  };
}
