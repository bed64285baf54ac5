// Tasks whose runs are lost again and again, because their process dies.
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import type { TaskRun } from "../../src/tasks/run.ts";
import { TaskRunner } from "../../src/tasks/runner.ts";
import { ANA, newInstance } from "../contract/engine.ts";
import { engines } from "../contract/engines.ts";
import { gate } from "../support/here.ts";
import { SOON } from "../support/tasks.ts";

const forever = (): Promise<never> => new Promise(() => undefined);

/** Runs `act` in a process that dies in its middle, so many times; resolves to the task's status and the errors told. */
async function lose(times: number, act: (run: TaskRun) => Promise<unknown>) {
  const opened = await engines["SQLite in memory"]!();
  const { tasks: store, changes, instances } = opened.storage;
  const errors: string[] = [];
  const id = newId();
  for (let n = 0; n <= times; n += 1) {
    const instance = await newInstance(opened);
    let runs = 0;
    const runner = new TaskRunner({
      ...{ store, news: new TaskNews(changes), clock: opened.clock, maxTasks: 9 },
      tools: {
        taskTools: ["deadly"],
        isIdempotent: () => false,
        execute: async (_, run) => {
          await act(run);
          runs += 1;
          return forever();
        },
      },
      instance: { id: instance, confirm: () => Promise.resolve() },
      onError: (error) => errors.push(String(error)),
    });
    const about = { id, owner: ANA, sessionId: null, tool: "deadly", ttlMs: Infinity };
    if (n === 0) await runner.begin({ ...about, arguments: {}, origin: {} }, { waits: false });
    else runner.open();
    const hasRun = async () => runs > 0 || (await store.find(id))?.status !== "working";
    await expect.poll(hasRun, SOON).toBe(true);
    if (runs > 0) await instances.remove(instance);
  }
  const { status } = (await store.find(id))!;
  await opened.storage.close();
  return { status, errors };
}

it("a task in whose runs the process dies three times in a row has failed, and the log names its tool", async () => {
  const { status, errors } = await lose(3, (run) => run.step("a", () => 1));
  expect(status).toBe("failed");
  expect(errors).toEqual([expect.stringContaining("tool deadly")]);
});

it("a task that gets on between the deaths of its processes goes on", async () => {
  const { status, errors } = await lose(5, (run) => run.checkpoint(run.attempt));
  expect({ status, errors }).toEqual({ status: "working", errors: [] });
});

it("a task goes on after two deaths", async () => {
  const { status, errors } = await lose(2, (run) => run.step("a", () => 1));
  expect({ status, errors }).toEqual({ status: "working", errors: [] });
});

it("a stop while a lost run is counted begins no handler, and leaves the task to others", async () => {
  const opened = await engines["SQLite in memory"]!();
  const { tasks: store, changes, instances } = opened.storage;
  const [counting, stopped] = [gate(), gate()];
  const slow: typeof store = {
    ...store,
    async record(...step) {
      counting.open();
      await stopped.wait;
      return store.record(...step);
    },
  };
  const begun = gate();
  let runs = 0;
  const [lost, other] = [await newInstance(opened), await newInstance(opened)];
  const runner = (id: string, store: typeof slow, act: (run: TaskRun) => Promise<unknown>) =>
    new TaskRunner({
      ...{ store, news: new TaskNews(changes), clock: opened.clock, maxTasks: 9 },
      tools: {
        taskTools: ["heedless"],
        isIdempotent: () => true,
        async execute(_, run) {
          runs += 1;
          await run.within(() => act(run));
          return forever();
        },
      },
      instance: { id, confirm: () => Promise.resolve() },
      onError: (error) => expect.unreachable(String(error)),
    });
  const id = newId();
  const about = { id, owner: ANA, sessionId: null, tool: "heedless", ttlMs: Infinity };
  const first = runner(lost, store, async () => (begun.open(), forever()));
  await first.begin({ ...about, arguments: {}, origin: {} }, { waits: false });
  await begun.wait;
  await instances.remove(lost);
  const next = runner(other, slow, forever);
  next.open();
  await counting.wait;
  await next.looked();
  const closing = next.close(0);
  await nextTurn(); // the close has told its runs by now
  stopped.open();
  await closing;
  expect(runs).toBe(1);
  expect((await store.find(id))!.status).toBe("working");
  await opened.storage.close();
});
