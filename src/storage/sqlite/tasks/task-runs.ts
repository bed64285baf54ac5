// What the run of a task writes, in SQLite. Each write checks the run's claim.
import type { Claim, TaskEnd, TaskStore } from "../../../tasks/store.ts";
import type { Engine } from "../engine/engine.ts";
import type { Usage } from "../limits/usage.ts";
import type { stepWrites, taskWrites } from "./task-rows.ts";

type Writes = ReturnType<typeof taskWrites>;
type StepWrites = ReturnType<typeof stepWrites>;

/** To be called inside a write; false for a task that has ended. */
export type EndTask = (id: string, end: TaskEnd) => boolean;

export const endTask =
  ({ clock }: Engine, q: Writes, steps: StepWrites): EndTask =>
  (id, { status, statusMessage = null, result = null, error = null }) => {
    const values = { id, status, statusMessage, result, error, now: clock.now() };
    const { changes } = q.finish.run(values);
    if (changes > 0) steps.drop.run({ id });
    return changes > 0;
  };

type RunWrites = Pick<
  TaskStore,
  "change" | "record" | "park" | "closeQuestion" | "setSession" | "release" | "finish"
>;

export function runWrites(
  engine: Engine,
  {
    writes: q,
    steps: rows,
    end,
    usage,
  }: {
    writes: Writes;
    steps: StepWrites;
    end: EndTask;
    usage: Pick<Usage, "checkOwner">;
  },
): RunWrites {
  const { clock } = engine;
  const held = (claim: Claim) => q.isHeld.get({ ...claim });
  return {
    change(claim, { checkpoint = null, ...seen }, { durable } = { durable: true }) {
      const { statusMessage = null, progress = null, progressTotal = null } = seen;
      const values = { ...claim, statusMessage, progress, progressTotal, checkpoint };
      const isSeen = Number(Object.keys(seen).length > 0);
      const write = (): boolean => {
        const task = held(claim);
        if (task === undefined) return false;
        q.change.run({ ...values, seen: isSeen, now: isSeen ? clock.now() : task.updatedAt });
        usage.checkOwner(task.owner);
        return true;
      };
      return durable ? engine.write(write) : engine.writeRelaxed(write);
    },
    record: (claim, steps) =>
      engine.write(() => {
        const task = held(claim);
        if (task === undefined) return false;
        const at = clock.now();
        for (const { request = null, ...step } of steps)
          rows.put.run({ ...step, request, taskId: claim.id, at });
        if (steps.some(({ kind }) => kind === "ask"))
          q.restate.run({ id: claim.id, now: at, wakeAt: null });
        usage.checkOwner(task.owner);
        return true;
      }),
    park: (claim, until, answered) =>
      engine.free(() => {
        const task = held(claim);
        if (task === undefined) return false;
        if (task.cancelRequested) return end(claim.id, { status: "cancelled" });
        q.park.run({ ...claim, answered, until, now: clock.now() });
        return true;
      }),
    closeQuestion: (claim, name) =>
      engine.write(() => {
        if (held(claim) === undefined) return undefined;
        const now = clock.now();
        const { result } = rows.close.get({ id: claim.id, name, now }) ?? {};
        q.restate.run({ id: claim.id, now, wakeAt: null });
        return result ?? undefined;
      }),
    setSession: (claim, sessionId) =>
      engine.write(() => q.setSession.run({ ...claim, sessionId }).changes > 0),
    release: (claim) =>
      engine.free(() => {
        const now = clock.now();
        return q.park.run({ ...claim, answered: -1, until: now, now }).changes > 0;
      }),
    finish: (claim, how) => engine.free(() => held(claim) !== undefined && end(claim.id, how)),
  };
}
