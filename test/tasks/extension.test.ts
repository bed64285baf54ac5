// The extension of tasks: what the official suite leaves out. The suite itself is run by test/eras/conformance.test.ts.
import { inputRequired } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { checkAnswers } from "../../src/tools/tasks/answers.ts";
import { bearer } from "../support/bearer.ts";
import { serveHere, gate } from "../support/here.ts";
import { listen } from "../support/listening.ts";
import { askModern, callModern } from "../support/modern.ts";
import { serveWithKeys } from "../support/people.ts";
import { rows } from "../support/rows.ts";
import { accept, DONE, SOON, TAKES_TASKS, taskClient } from "../support/tasks.ts";

const sure = inputRequired.elicit({
  message: "Sure?",
  requestedSchema: z.object({ ok: z.boolean() }),
});

const approval = defineTool({
  ...{ name: "approve", description: "Asks.", task: "optional" },
  session: "created",
  async handler({ task, session }) {
    await task.status("Waiting for approval");
    const { action, content } = await task.ask("sure", sure);
    await session.state.set("approved", content ?? null);
    return `${action} after ${task.attempt} runs`;
  },
});

describe("a task of the extension", () => {
  it("takes one answer to a question, refuses a wrong one, and tells the result", async () => {
    const { url, folder } = await serveHere({ tools: [approval] });
    const client = taskClient(url);
    const id = await client.begin("approve");
    const asking = await client.until(id, "input_required");
    expect(asking).toMatchObject({ statusMessage: "Waiting for approval" });
    expect(asking["inputRequests"]).toMatchObject({ sure: { method: "elicitation/create" } });
    for (const wrong of [accept({ ok: "yes" }), accept({})])
      expect(await client.answer(id, { sure: wrong })).toMatchObject({ error: { code: -32602 } });
    expect(await client.answer(id, { other: accept({}) })).toMatchObject({ result: {} });
    expect((await client.get(id))["status"]).toBe("input_required");
    await client.answer(id, { sure: accept({ ok: true }) });
    const { result, ...done } = await client.until(id, ...DONE);
    expect(done).toMatchObject({ status: "completed", taskId: id });
    expect(result.content[0].text).toMatch(/^accept after 2 runs/);
    const session = result._meta["holdfast/session"] as string;
    expect(rows(folder, "SELECT session_id, owner FROM tasks")).toEqual([
      { session_id: session, owner: "local" },
    ]);
    expect(rows(folder, "SELECT value FROM session_state")).toEqual([{ value: '{"ok":true}' }]);
  });

  it("takes no answer that was not checked, also where its question comes meanwhile", async () => {
    const known = { sure };
    const answers = { sure: accept({ ok: true }), later: "anything" };
    expect(await checkAnswers(known, answers)).toEqual({ sure: accept({ ok: true }) });
  });

  it("is nobody's but its owner's", async () => {
    const { url, key } = await serveWithKeys({}, { tools: [approval] });
    const ana = taskClient(url, bearer(await key("ana")));
    const bob = taskClient(url, bearer(await key("bob")));
    const id = await ana.begin("approve");
    await ana.until(id, "input_required");
    const unknown = await bob.ask("tasks/get", { taskId: "4711" });
    for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
      const { error } = await bob.ask(method, { taskId: id, inputResponses: {} });
      expect(error).toEqual({
        code: -32602,
        message: unknown["error"].message.replace("4711", id),
      });
    }
    expect((await ana.get(id))["status"]).toBe("input_required");
  });

  it("is cancelled while it waits, and while it runs when its handler gives up", async () => {
    const started = gate();
    const runs = defineTool({
      ...{ name: "runs", description: "Runs.", task: "required", session: "none" },
      handler: ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
          started.open();
        }),
    });
    const { url } = await serveHere({ tools: [approval, runs] });
    const client = taskClient(url);
    const [waiting, running] = [await client.begin("approve"), await client.begin("runs")];
    await client.until(waiting, "input_required");
    await started.wait;
    for (const id of [waiting, running]) {
      expect(await client.cancel(id)).toMatchObject({ result: { resultType: "complete" } });
      expect(await client.until(id, ...DONE)).toMatchObject({ status: "cancelled" });
      expect(await client.cancel(id)).toMatchObject({ result: { resultType: "complete" } });
    }
  });

  it("is told on a listen stream: as it is, after each change, and to its end", async () => {
    const { url } = await serveHere({ tools: [approval] });
    const client = taskClient(url);
    const id = await client.begin("approve");
    await client.until(id, "input_required");
    const wanted = { taskIds: [id, "4711"] };
    const stream = await listen(url, wanted, { capabilities: TAKES_TASKS });
    expect((await stream.next())!["params"].notifications).toEqual({ taskIds: [id] });
    const first = await stream.next();
    expect(first).toMatchObject({ method: "notifications/tasks", params: { taskId: id } });
    expect(first!["params"]).toMatchObject({
      status: "input_required",
      inputRequests: { sure: {} },
    });
    await client.answer(id, { sure: accept({ ok: false }) });
    let told = await stream.next();
    while (!DONE.includes(told!["params"].status)) told = await stream.next();
    expect(told!["params"]).toMatchObject({ status: "completed", result: { content: [{}] } });
  });

  it("is not told to who has not declared the extension", async () => {
    const { url } = await serveHere({ tools: [approval] });
    const { status, messages } = await askModern(url, "subscriptions/listen", {
      notifications: { taskIds: ["4711"] },
    });
    expect(status).toBe(400);
    expect(messages).toMatchObject([
      { error: { code: -32021, data: { requiredCapabilities: { extensions: {} } } } },
    ]);
  });

  it("with a request key is begun once", async () => {
    const { url, folder } = await serveHere({ tools: [approval] });
    const client = taskClient(url);
    const key = { "holdfast/request-key": "k" };
    const ids = await Promise.all([
      client.begin("approve", {}, key),
      client.begin("approve", {}, key),
    ]);
    expect(await client.begin("approve", {}, key)).toBe(ids[0]);
    expect(ids[1]).toBe(ids[0]);
    expect(rows(folder, "SELECT id FROM tasks")).toEqual([{ id: ids[0] }]);
  });

  it("is refused where a principal has too many, with what to do", async () => {
    const { url } = await serveHere({ tools: [approval], config: { "max-tasks": 1 } });
    const client = taskClient(url);
    await client.begin("approve");
    const { says, isError } = await callModern(url, "approve", {}, { capabilities: TAKES_TASKS });
    expect(isError).toBe(true);
    expect(says).toMatch(/1 tasks that have not ended.*max-tasks/);
  });
});

describe("a handler", () => {
  it("that returns its questions, as one does without tasks, is asked by the task", async () => {
    const rounds = defineTool({
      ...{ name: "rounds", description: "Asks twice.", task: "optional", session: "none" },
      handler({ inputResponses, requestState }) {
        const answered = (inputResponses?.["q"] as { content?: { ok?: boolean } })?.content?.ok;
        const round = requestState<string>() ?? "0";
        if (answered === true) return `done in round ${round}`;
        return inputRequired({
          inputRequests: { q: sure },
          requestState: String(Number(round) + 1),
        });
      },
    });
    const { url } = await serveHere({ tools: [rounds] });
    const client = taskClient(url);
    const id = await client.begin("rounds");
    const names: string[] = [];
    for (const ok of [false, false, true]) {
      await expect
        .poll(async () => Object.keys((await client.get(id))["inputRequests"] ?? {}), SOON)
        .toSatisfy(([name]: string[]) => name !== undefined && !names.includes(name));
      const [name] = Object.keys((await client.get(id))["inputRequests"]);
      names.push(name!);
      await client.answer(id, { [name!]: accept({ ok }) });
    }
    const { result } = await client.until(id, ...DONE);
    expect(result.content).toEqual([{ type: "text", text: "done in round 3" }]);
    expect(new Set(names).size).toBe(3); // no name stands for two questions
  });

  it("whose definition is wrong is named, with the field", () => {
    const wrong = (spec: object) => () =>
      defineTool({ name: "t", description: "T", handler: () => 1, ...spec });
    expect(wrong({ task: "maybe" })).toThrow(/Tool t: task: expected one of optional, required/);
    expect(wrong({ prepare: () => undefined })).toThrow(/Tool t: prepare/);
  });
});
