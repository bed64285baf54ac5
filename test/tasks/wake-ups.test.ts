// The news of tasks while somebody is looking: none is missed, in whatever moment it comes.
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { TaskFeed } from "../../src/mcp/modern/task-feed.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import { TaskRunner } from "../../src/tasks/runner.ts";
import { DUE, type TaskStore } from "../../src/tasks/store.ts";
import { Tasks } from "../../src/tasks/tasks.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { SOON } from "../support/tasks.ts";

/** So many turns of the microtask queue after a look has its last answer. */
const MOMENTS = Array.from({ length: 8 }, (_, i) => i);

const silence = { watch: () => ({ [Symbol.dispose]: () => undefined }) };

function parts(store: Partial<TaskStore>) {
  const news = new TaskNews(silence);
  const tasks = new Tasks(store as TaskStore, news);
  const runner = new TaskRunner({
    ...{ store: store as TaskStore, news, clock: new ManualClock(), maxTasks: 9 },
    tools: { taskTools: [], isIdempotent: () => true, execute: () => Promise.reject(new Error()) },
    instance: { id: "here", confirm: () => Promise.resolve() },
    onError: (error) => {
      throw error;
    },
  });
  return { news, tasks, runner };
}

async function after(turns: number, act: () => void): Promise<void> {
  for (let i = 0; i < turns; i += 1) await Promise.resolve();
  act();
}

describe.each(MOMENTS)("news that come %i turns after an answer", (turns) => {
  it("make the runner look", async () => {
    const looks: string[] = [];
    const { news, runner } = parts({
      expire: () => Promise.resolve([]),
      claim: async () => {
        looks.push("look");
        return Promise.resolve([]);
      },
      nextDue: () => {
        const answer = Promise.resolve(undefined);
        if (!looks.includes("news"))
          void after(turns, () => {
            looks.push("news");
            news.changed(DUE);
          });
        return answer;
      },
    });
    runner.open();
    await nextTurn();
    expect(looks).toEqual(["look", "news", "look"]);
    await runner.close(0);
  });

  it("reach a client that listens", async () => {
    const looks: string[] = [];
    const { news, tasks } = parts({
      revisions: () => {
        const isFirst = looks.length === 0;
        looks.push("look");
        if (isFirst)
          void after(turns, () => {
            looks.push("news");
            news.changed("t");
          });
        return Promise.resolve(new Map());
      },
    });
    const quiet = () => undefined;
    using feed = new TaskFeed(tasks, { ids: ["t"], owner: "ana" }, quiet, quiet);
    feed.start();
    await nextTurn();
    expect(looks).toEqual(["look", "news", "look"]);
  });
});

it("a client that listens gets the task although a look has failed", async () => {
  const revisions = [() => Promise.reject(new Error("down")), () => Promise.resolve(new Map())];
  const { tasks } = parts({ revisions: () => revisions.shift()!() });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  using feed = new TaskFeed(tasks, { ids: ["t"], owner: "ana" }, () => undefined, onError);
  feed.start();
  await expect.poll(() => revisions.length, SOON).toBe(0);
  expect(errors).toHaveLength(1);
});
