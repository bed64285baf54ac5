// What the run of a task writes, in PostgreSQL. Each write locks the row with its claim.
import { type Claim, DUE, type TaskEnd, type TaskStore } from "../../../tasks/store.ts";
import type { Engine } from "../engine/engine.ts";
import type { Usage } from "../limits/usage.ts";
import type { stepWrites, taskWrites } from "./task-rows.ts";

type Writes = ReturnType<typeof taskWrites>;
type StepWrites = ReturnType<typeof stepWrites>;

/** To be called inside a write; false for a task that has ended. */
export type EndTask = (id: string, end: TaskEnd) => Promise<boolean>;

export const endTask =
  (engine: Engine, q: Writes, steps: StepWrites): EndTask =>
  async (id, { status, statusMessage = null, result = null, error = null }) => {
    const now = Math.floor(engine.clock.now());
    const { changes } = await q.finish.run({ id, status, statusMessage, result, error, now });
    if (changes === 0) return false;
    await steps.drop.run({ id });
    engine.changed("task", id);
    return true;
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
  const now = (): number => Math.floor(engine.clock.now());
  const hold = (claim: Claim) => q.hold.get({ ...claim });
  return {
    change(claim, { checkpoint = null, ...seen }, { durable } = { durable: true }) {
      const { statusMessage = null, progress = null, progressTotal = null } = seen;
      const values = { ...claim, statusMessage, progress, progressTotal, checkpoint };
      const isSeen = Number(Object.keys(seen).length > 0);
      const write = async (): Promise<boolean> => {
        const task = await hold(claim);
        if (task === undefined) return false;
        await q.change.run({ ...values, seen: isSeen, now: isSeen ? now() : task.updatedAt });
        await usage.checkOwner(task.owner);
        if (isSeen) engine.changed("task", claim.id);
        return true;
      };
      return durable ? engine.write(write) : engine.writeRelaxed(write);
    },
    record: (claim, steps) =>
      engine.write(async () => {
        const task = await hold(claim);
        if (task === undefined) return false;
        const at = now();
        for (const { request = null, ...step } of steps)
          await rows.put.run({ ...step, request, taskId: claim.id, at });
        if (steps.some(({ kind }) => kind === "ask")) {
          await q.restate.run({ id: claim.id, now: at, wakeAt: null });
          engine.changed("task", claim.id);
        }
        await usage.checkOwner(task.owner);
        return true;
      }),
    park: (claim, until, answered) =>
      engine.write(async () => {
        const task = await hold(claim);
        if (task === undefined) return false;
        if (task.cancelRequested) return end(claim.id, { status: "cancelled" });
        const at = until === null ? null : Math.ceil(until);
        await q.park.run({ ...claim, answered, until: at, now: now() });
        engine.changed("task", DUE);
        return true;
      }),
    closeQuestion: (claim, name) =>
      engine.write(async () => {
        if ((await hold(claim)) === undefined) return undefined;
        const at = now();
        const { result } = (await rows.close.get({ id: claim.id, name, now: at })) ?? {};
        await q.restate.run({ id: claim.id, now: at, wakeAt: null });
        engine.changed("task", claim.id);
        return result ?? undefined;
      }),
    setSession: (claim, sessionId) =>
      engine.write(async () => {
        if ((await hold(claim)) === undefined) return false;
        return (await q.setSession.run({ ...claim, sessionId })).changes > 0;
      }),
    release: (claim) =>
      engine.write(async () => {
        if ((await hold(claim)) === undefined) return false;
        engine.changed("task", DUE);
        const at = now();
        return (await q.park.run({ ...claim, answered: -1, until: at, now: at })).changes > 0;
      }),
    finish: (claim, how) =>
      engine.write(async () => (await hold(claim)) !== undefined && end(claim.id, how)),
  };
}
