// Callers that know no tasks: they wait, are asked as by any tool, and get the task's id where it takes longer.
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool, testClient } from "../../src/index.ts";
import { connect, VERSIONS } from "../support/clients.ts";
import { serveHere } from "../support/here.ts";
import { callModern } from "../support/modern.ts";
import { KINDS, ownModel } from "../support/own-model.ts";
import { serveWithKeys } from "../support/people.ts";
import { introduce } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { SOON } from "../support/tasks.ts";

const confirm = inputRequired.elicit({
  message: "Sure?",
  requestedSchema: z.object({ ok: z.boolean() }),
});

function orders() {
  const shipped: string[] = [];
  const tool = defineTool({
    ...{ name: "order", description: "Orders.", task: "optional", session: "none" },
    input: z.object({ item: z.string(), asks: z.boolean().default(false) }),
    async handler({ input, task, progress }) {
      await progress(1, 2);
      await task.step("ship", () => shipped.push(input.item));
      if (!input.asks) return `Shipped ${input.item}.`;
      const { action } = await task.ask("sure", confirm);
      return `${action}: ${input.item}`;
    },
  });
  return { tool, shipped };
}

describe.each(VERSIONS)("a client that knows no tasks (%s)", (version) => {
  it("gets the result of a task as of any tool, and its failure", async () => {
    const { tool, shipped } = orders();
    const { url, folder } = await serveHere({ tools: [tool] });
    const client = await connect(version, { url });
    expect((await client.call("order", { item: "kelp" })).text).toBe("Shipped kelp.");
    expect((await client.call("order", { item: 7 })).isError).toBe(true);
    expect(shipped).toEqual(["kelp"]);
    expect(rows(folder, "SELECT tool, status FROM tasks")).toEqual([
      { tool: "order", status: "completed" },
    ]);
  });
});

describe.each(KINDS)("a client that can be asked (%s)", (kind) => {
  it("is asked the task's question, and no step is done twice for that", async () => {
    const { tool, shipped } = orders();
    const { url } = await serveHere({ tools: [tool] });
    const client = await ownModel(kind, url, { content: { ok: true } });
    const { content } = await client.call("order", { item: "kelp", asks: true });
    expect(content).toEqual([{ type: "text", text: "accept: kelp" }]);
    expect(client.elicited).toMatchObject([{ message: "Sure?" }]);
    expect(shipped).toEqual(["kelp"]);
  });
});

describe("a caller that cannot be asked, or does not wait for long", () => {
  const parts = (config = {}) => ({ tools: [orders().tool], config });

  it("gets the task's id, and the tools to go on with", async () => {
    const { url } = await serveHere(parts());
    const client = await introduce(url, { capabilities: {} });
    const asked = await client.call("order", { item: "kelp", asks: true });
    const id = /task ([0-9a-f-]{36})/.exec(asked.says)![1]!;
    expect(asked.says).toMatch(/sure: Sure\?[^]*task_answer[^]*task_get/);
    const names = (await client.ask("tools/list")).messages[0]!["result"].tools;
    expect(names.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(["task_list", "task_get", "task_answer", "task_cancel"]),
    );
    const get = () => client.call("task_get", { task_id: id });
    expect((await get()).data).toMatchObject({
      status: "input_required",
      questions: [{ question: "sure", text: "Sure?", schema: { required: ["ok"] } }],
    });
    const wrong = await client.call("task_answer", { task_id: id, content: { ok: 1 } });
    expect(wrong).toMatchObject({ isError: true, says: expect.stringContaining("sure: content") });
    await client.call("task_answer", { task_id: id, content: { ok: true } });
    await expect.poll(async () => (await get()).data["status"], SOON).toBe("completed");
    expect((await get()).says).toContain("accept: kelp");
    expect((await client.call("task_cancel", { task_id: id })).data["outcome"]).toBe("ended");
    const again = await client.call("task_answer", { task_id: id });
    expect(again.says).toMatch(/asks nothing now/);
  });

  it("gets it after `task-after`, and the task goes on", async () => {
    const slow = defineTool({
      ...{ name: "slow", description: "Sleeps.", task: "optional", session: "none" },
      output: z.object({ done: z.boolean() }),
      async handler({ task }) {
        await task.sleep(10 * 60_000);
        return { done: true };
      },
    });
    const { url } = await serveHere({ tools: [slow], config: { "task-after": "10ms" } });
    const client = await connect("v1", { url });
    await client.tools(); // from here on it checks results against `output`
    const { text } = await client.call("slow");
    const [, id] = /still at work, as task (\S+)\./.exec(text)!;
    const modern = await callModern(url, "slow");
    expect(modern.says).toMatch(/still at work/);
    const listed = await client.call("task_list", { open: true, limit: 1 });
    expect(listed.data["tasks"]).toHaveLength(1);
    const next = await client.call("task_list", { cursor: listed.data["next_cursor"] });
    expect(next.data["tasks"]).toMatchObject([{ task_id: id, status: "working" }]);
    expect((await client.call("task_cancel", { task_id: id })).data["outcome"]).toBe("cancelled");
    expect((await client.call("task_get", { task_id: id })).data["status"]).toBe("cancelled");
  });

  it("gets it at once from a tool that is always a task", async () => {
    const always = defineTool({
      ...{ name: "always", description: "A task.", task: "required", session: "none" },
      handler: () => "done",
    });
    const { url } = await serveHere({ tools: [always] });
    const client = await connect("v2", { url });
    const [, id] = /as task (\S+)\./.exec((await client.call("always")).text)!;
    const status = async () => (await client.call("task_get", { task_id: id })).data["status"];
    await expect.poll(status, SOON).toBe("completed");
  });

  it("finds none of another principal's tasks", async () => {
    const server = await serveWithKeys({ "task-after": "10ms" }, { tools: parts().tools });
    const [ana, bob] = [await server.person("ana", "2025"), await server.person("bob", "2025")];
    await ana.call("order", { item: "kelp" });
    const [task] = (await ana.call("task_list")).data["tasks"];
    expect((await bob.call("task_list")).data["tasks"]).toEqual([]);
    for (const tool of ["task_get", "task_cancel", "task_answer"])
      expect((await bob.call(tool, { task_id: task.task_id })).says).toMatch(/There is no task/);
  });

  it("ends the task when it cancels the call", async () => {
    const sleeps = defineTool({
      ...{ name: "sleeps", description: "Sleeps.", task: "optional", session: "none" },
      handler: ({ task }) => task.sleep(600_000),
    });
    const { url, folder } = await serveHere({ tools: [sleeps] });
    const client = await connect("v2", { url });
    const leaving = new AbortController();
    const call = client.call("sleeps", {}, { signal: leaving.signal });
    const status = () => rows(folder, "SELECT status FROM tasks")[0]?.["status"];
    await expect.poll(status, SOON).toBe("working");
    leaving.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(status, SOON).toBe("cancelled");
  });
});

it("a call with a request key waits for its task also in a process that serves nobody", async () => {
  const naps = defineTool({
    ...{ name: "naps", description: "Sleeps.", task: "optional", session: "none" },
    async handler({ task }) {
      await task.sleep(20);
      return `slept until run ${task.attempt}`;
    },
  });
  await using client = await testClient([naps]);
  const result = await client.call("naps", {}, { requestKey: "k" });
  expect(result).toMatchObject({ content: [{ text: "slept until run 2" }] });
});
