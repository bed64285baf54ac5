// The places of a process for running tasks, and the time that a task has.
import { expect, it } from "vitest";
import { newId } from "../../src/lib/ids.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import { TaskRunner } from "../../src/tasks/runner.ts";
import type { TaskEnd } from "../../src/tasks/store.ts";
import { ANA, BOB, newInstance } from "../contract/engine.ts";
import { engines } from "../contract/engines.ts";
import { SOON } from "../support/tasks.ts";

const MINUTE = 60_000;

/** A runner of four places whose tasks run until they are told to end. */
async function place() {
  const opened = await engines["SQLite in memory"]!();
  const { tasks: store, changes } = opened.storage;
  const news = new TaskNews(changes);
  const ends: (() => void)[] = [];
  const owners: string[] = [];
  const instance = await newInstance(opened);
  const runner = new TaskRunner({
    ...{ store, news, clock: opened.clock, maxTasks: 99, maxRunning: 4 },
    tools: {
      taskTools: ["runs"],
      isIdempotent: () => false,
      execute: async ({ owner }, run) => {
        owners.push(owner);
        const { promise, resolve } = Promise.withResolvers<TaskEnd>();
        ends.push(() => resolve({ status: "completed", result: "{}" }));
        return run.within(() => promise);
      },
    },
    instance: { id: instance, confirm: () => Promise.resolve() },
    onError: (error) => {
      throw error;
    },
  });
  runner.open();
  const begin = async (owner: string, ttlMs = Infinity): Promise<string> => {
    const about = { id: newId(), owner, sessionId: null, tool: "runs", arguments: {}, origin: {} };
    return (await runner.begin({ ...about, ttlMs }, { waits: false })).id;
  };
  return { ...opened, store, news, runner, begin, ends, owners };
}

it("one principal cannot hold all places, however many tasks it begins at once", async () => {
  const { begin, owners, ends, runner, storage } = await place();
  await Promise.all(Array.from({ length: 10 }, () => begin(ANA)));
  await runner.looked();
  expect(owners).toEqual([ANA, ANA]);
  await Promise.all([begin(BOB), begin(BOB), begin(BOB)]);
  await runner.looked();
  expect(owners).toEqual([ANA, ANA, BOB, BOB]);
  ends[2]!();
  await expect.poll(() => owners, SOON).toEqual([ANA, ANA, BOB, BOB, BOB]);
  for (let n = 0; n < 13; n += 1) {
    await expect.poll(() => ends.length, SOON).toBeGreaterThan(n);
    ends[n]!();
  }
  await expect.poll(() => runner.running, SOON).toEqual([]);
  await runner.close(0);
  await storage.close();
});

it("a task that has not ended in its time fails while it runs, and who listens is told", async () => {
  const { begin, clock, store, news, runner, storage } = await place();
  const [late, other] = [await begin(ANA, MINUTE), await begin(BOB)];
  const told: boolean[] = [];
  news.watch((changed) => told.push(changed.includes("task", late)));
  clock.advance(MINUTE);
  runner.look();
  await expect.poll(() => runner.running, SOON).toEqual([other]);
  expect(await store.find(late)).toMatchObject({
    status: "failed",
    statusMessage: expect.stringContaining("task-age"),
    error: { message: expect.stringContaining("expired") },
  });
  expect(told).toContain(true);
  await runner.close(0);
  await storage.close();
});
