// Calls with a request key that become tasks: one key stands for one task, and tells its outcome.
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool, inputRequired, testClient } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { callModern } from "../support/modern.ts";
import { startServer, TASKS } from "../support/process.ts";
import { introduce } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { accept, SOON, TAKES_TASKS, taskClient } from "../support/tasks.ts";

const KEY = { "holdfast/request-key": "k" };
const MODES = ["optional", "required"] as const;
const sure = inputRequired.elicit({ message: "Sure?", requestedSchema: z.object({}) });
const statuses = (folder: string) => rows(folder, "SELECT status FROM tasks");

it.each(MODES)("a repeated call gets the task, and then its outcome (%s)", async (task) => {
  let runs = 0;
  const ends = gate();
  const slow = defineTool({
    ...{ name: "slow", description: "Works.", task, session: "none" },
    output: z.object({ run: z.number() }),
    async handler() {
      runs += 1;
      await ends.wait;
      return { run: runs };
    },
  });
  const { url, folder } = await serveHere({ tools: [slow], config: { "task-after": "10ms" } });
  const client = await introduce(url, { capabilities: {} });
  const call = () => client.call("slow", {}, KEY);
  const id = /as task (\S+)\./.exec((await call()).says)![1];
  expect((await call()).says).toContain(`still at work, as task ${id}`);
  ends.open();
  await expect.poll(() => statuses(folder), SOON).toEqual([{ status: "completed" }]);
  for (let n = 0; n < 2; n += 1)
    expect(await call()).toMatchObject({ isError: false, data: { run: 1 } });
  expect(runs).toBe(1);
});

it.each(MODES)("a failure is told to who was told of the task (%s)", async (task) => {
  const ends = gate();
  const fails = defineTool({
    ...{ name: "fails", description: "Fails.", task, session: "none" },
    async handler() {
      await ends.wait;
      throw new Error("Broken.");
    },
  });
  const { url, folder } = await serveHere({ tools: [fails], config: { "task-after": "10ms" } });
  const client = await introduce(url, { capabilities: {} });
  const call = () => client.call("fails", {}, KEY);
  expect((await call()).says).toContain("still at work");
  ends.open();
  await expect.poll(() => statuses(folder), SOON).toEqual([{ status: "completed" }]);
  expect(await call()).toMatchObject({ isError: true, says: expect.stringContaining("failed") });
  expect(statuses(folder)).toHaveLength(1);
});

it("a failure that was told frees the key, and the task begins anew", async () => {
  let runs = 0;
  const fails = defineTool({
    ...{ name: "fails", description: "Fails once.", task: "optional", session: "none" },
    handler() {
      runs += 1;
      if (runs === 1) throw new Error("Not yet.");
      return `run ${runs}`;
    },
  });
  const { url, folder } = await serveHere({ tools: [fails] });
  const client = await introduce(url, { capabilities: {} });
  expect((await client.call("fails", {}, KEY)).isError).toBe(true);
  expect((await client.call("fails", {}, KEY)).says).toBe("run 2");
  expect((await client.call("fails", {}, KEY)).says).toBe("run 2");
  expect(statuses(folder)).toHaveLength(1);
});

it("after the death of the process a repeated call goes on with its task, or is told that it was interrupted", async () => {
  const folder = temporaryFolder();
  const first = await startServer({ folder, script: TASKS });
  const call = (url: string, name: string) =>
    callModern(url, name, {}, { meta: { "holdfast/request-key": name } });
  const broken = Promise.allSettled([call(first.url, "steps"), call(first.url, "once")]);
  await expect
    .poll(() => rows(folder, "SELECT name FROM task_steps"), SOON)
    .toEqual([{ name: "a" }]);
  await expect.poll(() => statuses(folder), SOON).toHaveLength(2);
  await first.kill();
  await broken;
  const next = await startServer({ folder, script: TASKS });
  expect((await call(next.url, "steps")).says).toBe("run 2, a by run 1");
  expect(await call(next.url, "once")).toMatchObject({
    isError: true,
    says: expect.stringContaining("interrupted"),
  });
  expect(rows(folder, "SELECT tool, status FROM tasks ORDER BY tool")).toEqual([
    { tool: "once", status: "failed" },
    { tool: "steps", status: "completed" },
  ]);
});

it("a later round whose process died is told that its task was interrupted, and does not run it again", async () => {
  const folder = temporaryFolder();
  const first = await startServer({ folder, script: TASKS });
  const options = { meta: KEY, capabilities: { elicitation: { form: {} } } };
  const call = (url: string, rounds = {}) =>
    callModern(url, "prepared", {}, { ...options, rounds });
  const { requestState } = (await call(first.url)).messages.at(-1)!["result"] as {
    requestState: string;
  };
  const rounds = { requestState, inputResponses: { first: accept({}) } };
  const broken = call(first.url, rounds).catch(() => undefined);
  await expect.poll(() => statuses(folder), SOON).toHaveLength(1);
  await first.kill();
  await broken;
  const next = await startServer({ folder, script: TASKS });
  expect(await call(next.url, rounds)).toMatchObject({
    isError: true,
    says: expect.stringContaining("interrupted"),
  });
  expect(statuses(folder)).toEqual([{ status: "failed" }]);
});

it("a state that was answered with a task stands for it, also after the task was cancelled", async () => {
  const answers: string[] = [];
  const asks = defineTool({
    ...{ name: "asks", description: "Asks.", task: "required", session: "none" },
    prepare: ({ inputResponses }) =>
      inputResponses ? undefined : inputRequired({ inputRequests: { first: sure } }),
    async handler({ inputResponses, task }) {
      answers.push((inputResponses!["first"] as { action: string }).action);
      await task.ask("more", sure);
    },
  });
  const { url, folder } = await serveHere({ tools: [asks] });
  type Result = { requestState: string; taskId: string };
  const call = async (rounds = {}) =>
    (await callModern(url, "asks", {}, { rounds, capabilities: TAKES_TASKS })).messages.at(-1)!;
  const { requestState } = (await call())["result"] as Result;
  const answer = (action: string) => call({ requestState, inputResponses: { first: { action } } });
  const { taskId } = (await answer("decline"))["result"] as Result;
  await expect.poll(() => answers, SOON).toEqual(["decline"]);
  await taskClient(url).cancel(taskId);
  await expect.poll(() => statuses(folder), SOON).toEqual([{ status: "cancelled" }]);
  expect(await answer("decline")).toMatchObject({ result: { taskId } });
  expect(await answer("cancel")).toMatchObject({
    error: { data: { reason: "used_request_state" } },
  });
  expect(answers).toEqual(["decline"]);
});

it("a call that is asked a question is repeated to its result, and is not asked again", async () => {
  let asked = 0;
  const asks = defineTool({
    ...{ name: "asks", description: "Asks.", task: "optional", session: "none" },
    prepare({ inputResponses }) {
      if (inputResponses?.["first"] !== undefined) return undefined;
      asked += 1;
      return inputRequired({ inputRequests: { first: sure } });
    },
    async handler({ task }) {
      const { action } = await task.ask("sure", sure);
      return `${action} in run ${task.attempt}`;
    },
  });
  await using client = await testClient([asks]);
  const accepted = { action: "accept", content: {} };
  const first = await client.call("asks", {}, { requestKey: "k" });
  const { requestState } = first as { requestState: string };
  const inputResponses = { first: accepted };
  const second = await client.call("asks", {}, { requestKey: "k", requestState, inputResponses });
  expect(second).toMatchObject({ inputRequests: { sure: {} } });
  // Repeated without the answer, it is asked again by the task, which is the same.
  const again = await client.call("asks", {}, { requestKey: "k" });
  expect(again).toMatchObject({ inputRequests: { sure: {} } });
  const done = await client.call(
    "asks",
    {},
    {
      ...{ requestKey: "k", requestState: (again as { requestState: string }).requestState },
      inputResponses: { sure: accepted },
    },
  );
  expect(done).toMatchObject({ content: [{ text: "accept in run 2" }] });
  expect(await client.call("asks", {}, { requestKey: "k" })).toEqual(done);
  expect(asked).toBe(1);
});
