// What a task waits for: for how long, and what goes on meanwhile.
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { newId } from "../../src/lib/ids.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import type { TaskRun } from "../../src/tasks/run.ts";
import { TaskRunner } from "../../src/tasks/runner.ts";
import { ANA, newInstance } from "../contract/engine.ts";
import { engines } from "../contract/engines.ts";
import { serveHere } from "../support/here.ts";
import { rows } from "../support/rows.ts";
import { accept, DONE, SOON, taskClient } from "../support/tasks.ts";

const HOUR = 3_600_000;
const sure = inputRequired.elicit({ message: "Sure?", requestedSchema: z.object({}) });

/** Runners of one storage, one after the other, of a tool that does `act`. */
async function runners(act: (run: TaskRun) => Promise<unknown>) {
  const opened = await engines["SQLite in memory"]!();
  const { tasks: store, changes } = opened.storage;
  const errors: unknown[] = [];
  const id = newId();
  const start = async (): Promise<TaskRunner> =>
    new TaskRunner({
      ...{ store, news: new TaskNews(changes), clock: opened.clock, maxTasks: 9 },
      tools: {
        taskTools: ["asks"],
        isIdempotent: () => false,
        execute: async (_, run) => {
          const result = (await run.within(() => act(run))) ?? null;
          return { status: "completed", result: JSON.stringify(result) };
        },
      },
      instance: { id: await newInstance(opened), confirm: () => Promise.resolve() },
      onError: (error) => errors.push(error),
    });
  const about = { id, owner: ANA, sessionId: null, tool: "asks", arguments: {}, origin: {} };
  const begin = (runner: TaskRunner) =>
    runner.begin({ ...about, ttlMs: 2 * HOUR }, { waits: false });
  const status = async () => (await store.find(id))?.status;
  return { ...opened, store, id, start, begin, status, errors };
}

describe("a question with a time", () => {
  it("is closed at its end, also over a restart, and takes no answer then", async () => {
    const { start, begin, status, clock, store, id, storage } = await runners((run) =>
      run.ask("n".repeat(200), sure, { timeoutMs: HOUR }).then((answer) => answer ?? "nobody"),
    );
    const first = await start();
    await begin(first);
    await expect.poll(() => first.running, SOON).toEqual([]);
    expect(await status()).toBe("input_required");
    await first.close(0);
    clock.advance(HOUR - 1);
    const next = await start();
    next.open();
    await next.looked();
    expect(await status()).toBe("input_required");
    clock.advance(1);
    await next.looked();
    await expect.poll(status, SOON).toBe("completed");
    expect(await store.find(id)).toMatchObject({ result: "nobody", questions: {} });
    expect(await store.answer(id, ANA, { sure: "{}" })).toEqual([]);
    await next.close(0);
    await storage.close();
  });

  it("gets an answer that comes before its end, and keeps it after", async () => {
    const { start, begin, status, clock, store, id, storage } = await runners(async (run) => {
      const answer = await run.ask("sure", sure, { timeoutMs: HOUR });
      await run.sleep(HOUR);
      return answer;
    });
    const runner = await start();
    runner.open();
    await begin(runner);
    await expect.poll(status, SOON).toBe("input_required");
    await expect.poll(() => runner.running, SOON).toEqual([]);
    expect(await store.answer(id, ANA, { sure: '{"action":"accept"}' })).toEqual(["sure"]);
    runner.look();
    await expect.poll(status, SOON).toBe("working");
    await expect.poll(async () => (await runner.looked(), runner.running), SOON).toEqual([]);
    clock.advance(HOUR + 1);
    await runner.looked();
    await expect.poll(status, SOON).toBe("completed");
    expect(await store.find(id)).toMatchObject({ result: { action: "accept" } });
    await runner.close(0);
    await storage.close();
  });

  it("is refused for a time that is none, or beyond the task's expiry", async () => {
    const faults: string[] = [];
    const { start, begin, status, storage } = await runners(async (run) => {
      for (const [name, timeoutMs] of [
        ["a", Number.NaN],
        ["b", -1],
        ["c", 3 * HOUR],
      ] as const)
        await run.ask(name, sure, { timeoutMs }).catch((error: unknown) => {
          faults.push(String(error));
        });
    });
    const runner = await start();
    await begin(runner);
    await expect.poll(status, SOON).toBe("completed");
    expect(faults).toEqual([
      expect.stringContaining("received NaN"),
      expect.stringContaining("received -1"),
      expect.stringContaining("expires"),
    ]);
    await runner.close(0);
    await storage.close();
  });
});

describe("a handler with an open question", () => {
  it("goes on with its calls of the session, and is not left in their middle", async () => {
    const tool = defineTool({
      ...{ name: "works", description: "Works.", task: "required", session: "created" },
      async handler({ task, session, sessions }) {
        const work = async (): Promise<string> => {
          for (let n = 0; n < 30; n += 1) await session.state.set("n", n);
          const found = await sessions.find(session.id);
          for (let n = 0; n < 30; n += 1) await found!.state.get("n");
          return `worked in run ${task.attempt}`;
        };
        return Promise.race([task.ask("sure", sure), work()]);
      },
    });
    const client = taskClient((await serveHere({ tools: [tool] })).url);
    const { result } = await client.until(await client.begin("works"), ...DONE);
    expect(result.content[0].text).toMatch(/^worked in run 1/);
  });
});

describe("a session that a task has made", () => {
  it("is known while the task waits, which goes with it", async () => {
    const tool = defineTool({
      ...{ name: "makes", description: "Makes.", task: "required", session: "created" },
      async handler({ task, session }) {
        await session.state.set("n", 1);
        await task.ask("sure", sure);
        return "done";
      },
    });
    const config = { "default-session": "own" };
    const { url, folder } = await serveHere({ tools: [tool], config });
    const client = taskClient(url);
    const id = await client.begin("makes");
    await client.until(id, "input_required");
    const [{ session_id }] = rows(folder, "SELECT session_id FROM tasks") as [
      { session_id: string },
    ];
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: session_id }]);
    await client.answer(id, { sure: accept({}) });
    await client.until(id, ...DONE);
    expect(rows(folder, "SELECT id FROM sessions")).toEqual([{ id: session_id }]);
  });
});

describe("a session that a task has made, and whose first write fails", () => {
  it("takes no task with it", async () => {
    const tool = defineTool({
      ...{ name: "fails", description: "Writes.", task: "required", session: "created" },
      async handler({ task, session }) {
        await expect(session.state.set("n", 1, { ifVersion: 7 })).rejects.toThrow();
        await task.ask("sure", sure);
        await session.state.set("n", 1);
        return "done";
      },
    });
    const config = { "default-session": "own" };
    const { url, folder } = await serveHere({ tools: [tool], config });
    const client = taskClient(url);
    const id = await client.begin("fails");
    await client.until(id, "input_required");
    await client.answer(id, { sure: accept({}) });
    expect(await client.until(id, ...DONE)).toMatchObject({ status: "completed" });
    expect(rows(folder, "SELECT key FROM session_state")).toEqual([{ key: "n" }]);
  });
});

describe("a run that fails outside of its tool", () => {
  it("ends its task, with the reason", async () => {
    const { start, begin, status, store, id, storage, errors } = await runners(() =>
      Promise.reject(new Error("Odd.")),
    );
    const runner = await start();
    await begin(runner);
    await expect.poll(status, SOON).toBe("failed");
    expect(await store.find(id)).toMatchObject({ error: { code: -32603 } });
    expect(errors).toEqual([expect.objectContaining({ message: "Odd." })]);
    await runner.close(0);
    await storage.close();
  });
});
