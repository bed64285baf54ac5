// Tasks over restarts and deaths of the process.
import { setTimeout as sleep } from "node:timers/promises";
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { openDatabase } from "../support/database.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { startServer, TASKS } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import { accept, DONE, SOON, taskClient } from "../support/tasks.ts";

const DAY = 24 * 3_600_000;

/** The source of a tool that works until it is told to stop. */
const HEEDS = `
import { once } from "node:events";
import { defineTool } from "holdfast";
export default defineTool({
  ...{ name: "heeds", description: "Heeds its signal.", task: "required", session: "none" },
  async handler({ signal }) {
    await once(signal, "abort");
    throw signal.reason;
  },
});
`;

describe("a task over restarts", () => {
  it("goes on from its last step, tries a failed one again, and keeps its checkpoint", async () => {
    const log: string[] = [];
    let fails = 2;
    const tool = defineTool({
      ...{ name: "work", description: "Works.", task: "optional", session: "none" },
      async handler({ task }) {
        log.push(`run ${task.attempt} with ${JSON.stringify(task.saved)}`);
        const first = await task.step("first", () => log.push("first"));
        await task.step(
          "second",
          ({ attempt }) => {
            log.push(`second, attempt ${attempt}`);
            if ((fails -= 1) >= 0) throw new Error("not yet");
          },
          { retries: 2, backoffMs: 20 },
        );
        await task.checkpoint({ first });
        await task.ask(
          "sure",
          inputRequired.elicit({ message: "?", requestedSchema: z.object({}) }),
        );
        return "done";
      },
    });
    const folder = temporaryFolder();
    const before = await serveHere({ folder, tools: [tool] });
    const id = await taskClient(before.url).begin("work");
    await taskClient(before.url).until(id, "input_required");
    await before.stop();
    const after = await serveHere({ folder, tools: [tool] });
    const client = taskClient(after.url);
    expect((await client.get(id))["status"]).toBe("input_required");
    await client.answer(id, { sure: accept({}) });
    expect(await client.until(id, ...DONE)).toMatchObject({ status: "completed" });
    expect(log).toEqual([
      ...["run 1 with undefined", "first", "second, attempt 1"],
      ...["run 2 with undefined", "second, attempt 2"],
      ...["run 3 with undefined", "second, attempt 3"],
      'run 4 with {"first":2}',
    ]);
  });

  it("refuses a sleep that never ends, and gives up work whose next attempt would be too late", async () => {
    const tool = defineTool({
      ...{ name: "waits", description: "Waits.", task: "required", session: "none" },
      input: z.object({ ms: z.string() }),
      handler: ({ input, task }) => task.sleep(Number(input.ms)),
    });
    const fails = defineTool({
      ...{ name: "fails", description: "Fails.", task: "required", session: "none" },
      handler: ({ task }) =>
        task.step("a", () => Promise.reject(new Error("Broken.")), { retries: 9, backoffMs: DAY }),
    });
    const config = { "task-age": "1h" };
    const client = taskClient((await serveHere({ tools: [tool, fails], config })).url);
    for (const ms of ["Infinity", "NaN", "-1", String(DAY)]) {
      const ended = await client.until(await client.begin("waits", { ms }), ...DONE);
      expect(ended["result"]).toMatchObject({ isError: true });
      if (Number(ms) > 0) expect(ended["result"].content[0].text).toMatch(/expires[^]*task-age/);
    }
    const ended = await client.until(await client.begin("fails"), ...DONE);
    expect(ended["result"]).toMatchObject({ isError: true });
  });

  it("does failed work no further, and does none twice because its result cannot be kept", async () => {
    const log: string[] = [];
    const tool = defineTool({
      ...{ name: "fails", description: "Fails.", task: "required", session: "none" },
      async handler({ task }) {
        const attempt = (name: string, work: () => unknown, retries = 0) =>
          task
            .step(name, work, { retries, backoffMs: 0 })
            .catch((error: unknown) => log.push(`${name}: ${String(error)}`));
        await attempt("broken", () => {
          log.push("breaks");
          throw Object.assign(new RangeError("It is broken."), { code: "E_BROKEN" });
        });
        await attempt("odd", () => log.push("works") && 1n, 3);
        await attempt("big", () => log.push("fills") && "x".repeat(1_000_000), 3);
        await expect(task.checkpoint("x".repeat(1_000_000))).rejects.toThrow(/at most 1000000/);
        await task.ask(
          "sure",
          inputRequired.elicit({ message: "?", requestedSchema: z.object({}) }),
        );
        return "done";
      },
    });
    const client = taskClient((await serveHere({ tools: [tool] })).url);
    const id = await client.begin("fails");
    await client.until(id, "input_required");
    const failures = [...log];
    expect(failures).toEqual([
      ...["breaks", "broken: RangeError: It is broken."],
      ...["works", expect.stringMatching(/^odd: TypeError: /)],
      ...["fills", expect.stringMatching(/^big: AppError: .* at most 1000000 are stored/)],
    ]);
    await client.answer(id, { sure: accept({}) });
    expect(await client.until(id, ...DONE)).toMatchObject({ status: "completed" });
    expect(log).toEqual([...failures, failures[1], failures[3], failures[5]]);
  });

  it("that runs at a stop is left to the next start if it can go on, and is else interrupted", async () => {
    const runs: string[] = [];
    const waits = (name: string, more: object = {}) =>
      defineTool({
        ...{ name, description: "Runs.", task: "optional", session: "none", ...more },
        async handler({ task, signal }) {
          runs.push(name);
          if (name === "steps") await task.step("a", () => 1);
          if (task.attempt === 1) await sleep(600_000, undefined, { signal });
          return "done";
        },
      });
    const tools = [
      waits("steps"),
      waits("again", { annotations: { idempotentHint: true } }),
      waits("once"),
    ];
    const folder = temporaryFolder();
    const before = await serveHere({ folder, tools, config: { "shutdown-grace": "50ms" } });
    const client = taskClient(before.url);
    const ids = [
      await client.begin("steps"),
      await client.begin("again"),
      await client.begin("once"),
    ];
    await expect.poll(() => runs.length, SOON).toBe(3);
    await before.stop();
    const after = taskClient((await serveHere({ folder, tools })).url);
    for (const id of ids.slice(0, 2))
      expect(await after.until(id, ...DONE)).toMatchObject({ status: "completed" });
    expect(await after.get(ids[2]!)).toMatchObject({
      status: "failed",
      error: { code: -32603, data: { interrupted: true } },
    });
    expect(runs.filter((name) => name === "once")).toHaveLength(1);
  });

  it("does not end the process in the middle of its stop", async () => {
    const folder = temporaryFolder();
    const args = ["--tools", folderOf({ "heeds.ts": HEEDS }), "--shutdown-grace", "300ms"];
    const server = await startServer({ folder, args });
    await taskClient(server.url).begin("heeds");
    expect(await server.stop()).toBe(0);
    expect(rows(folder, "SELECT status, error FROM tasks")).toEqual([
      { status: "failed", error: expect.stringContaining('"interrupted":true') },
    ]);
  });

  it("whose process is killed goes on in the next, or has failed as interrupted", async () => {
    const folder = temporaryFolder();
    const first = await startServer({ folder, script: TASKS });
    const client = taskClient(first.url);
    const [steps, asks, once] = [
      await client.begin("steps"),
      await client.begin("asks"),
      await client.begin("once"),
    ];
    await client.until(asks, "input_required");
    const database = openDatabase(folder);
    const recorded = database.prepare("SELECT name FROM task_steps WHERE task_id = ?").pluck();
    await expect.poll(() => recorded.all(steps), SOON).toEqual(["a"]);
    await first.kill();
    const next = await startServer({ folder, script: TASKS });
    const after = taskClient(next.url);
    await after.answer(asks, { sure: accept({}) });
    expect(await after.until(steps, ...DONE)).toMatchObject({ status: "completed" });
    expect(await after.until(asks, ...DONE)).toMatchObject({ status: "completed" });
    expect(await after.until(once, ...DONE)).toMatchObject({ status: "failed" });
    expect((await after.get(steps))["result"].content[0].text).toBe("run 2, a by run 1");
  });
});
