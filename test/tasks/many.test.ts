// Many tasks that wait: they cost their rows, and neither timers nor memory of the process.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import { TaskRunner } from "../../src/tasks/runner.ts";
import { newInstance } from "../contract/engine.ts";
import { engines } from "../contract/engines.ts";
import { SOON } from "../support/tasks.ts";

const TASKS = 10_000;
/** Of these, those whose handlers run before they wait. */
const RUN = 1_000;
const DAY = 86_400_000;
/** Of V8's heap, for each task; a handler that waits in memory takes several times as much. */
const MAX_BYTES_EACH = 500;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const heap = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};
const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

it("ten thousand tasks that sleep or ask have one timer together, and wake at their time", async () => {
  const opened = await engines["SQLite in memory"]!();
  const { tasks: store, changes } = opened.storage;
  const instanceId = await newInstance(opened);
  const by = { instanceId, tools: ["waits"], running: {}, each: TASKS };
  let woken = 0;
  const runner = new TaskRunner({
    ...{ store, news: new TaskNews(changes), clock: opened.clock, maxTasks: TASKS },
    tools: {
      taskTools: ["waits"],
      isIdempotent: () => false,
      execute: (task, run) =>
        run.within(async () => {
          if (task.arguments === "asks") await run.ask("sure", { method: "roots/list" });
          await run.sleep(DAY);
          woken += 1;
          return { status: "completed", result: "{}" };
        }),
    },
    instance: { id: instanceId, confirm: () => Promise.resolve() },
    onError: (error) => {
      throw error;
    },
  });
  runner.open();
  const task = (n: number) => ({
    ...{ id: newId(), owner: `owner ${n % 50}`, sessionId: null, tool: "waits", origin: {} },
    ...{ arguments: n % 10 === 0 ? "sleeps" : "asks", ttlMs: Infinity },
  });
  const begin = (n: number) => runner.begin(task(n), { waits: false });
  const park = async (n: number): Promise<void> => {
    const begun = await store.create(task(n), { instanceId, runs: true, waits: false }, TASKS);
    if (begun === "unregistered") throw new Error("The process is unknown.");
    const until = n === TASKS - 1 ? opened.clock.now() + DAY / 2 : null;
    await store.park(begun.claimed!.claim, until, 0);
  };
  const settle = () =>
    expect.poll(async () => (await runner.looked(), runner.running), SOON).toEqual([]);
  await begin(0);
  await settle();
  const before = { heap: heap(), timers: timers() };
  await Promise.all(Array.from({ length: RUN }, (_, n) => begin(n)));
  await settle();
  // Further ones without the pains of a run: they wait for answers, and one for its time.
  for (let n = RUN; n < TASKS; n += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => park(n + i)));
  await settle();
  expect(await store.nextDue(by)).toBe(opened.clock.now() + DAY / 2);
  expect(timers() - before.timers).toBeLessThanOrEqual(1);
  expect((heap() - before.heap) / TASKS).toBeLessThan(MAX_BYTES_EACH);
  opened.clock.advance(DAY);
  await settle();
  expect(woken).toBe(RUN / 10 + 1); // with the first
  await runner.close(0);
  await opened.storage.close();
});
