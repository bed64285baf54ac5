// `requestState` over HTTP: it opens where it was sealed, and is used once, whatever becomes of the process in between.
import { inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { definePrompt, defineTool } from "../../src/index.ts";
import { openDatabase } from "../support/database.ts";
import { type Here, serveHere } from "../support/here.ts";
import { askModern, callModern } from "../support/modern.ts";
import type { CallAnswer, Json } from "../support/raw.ts";

const form = inputRequired.elicit({
  message: "?",
  requestedSchema: { type: "object", properties: { n: { type: "number" } } },
});
const answers = (n: number): Json => ({ form: { action: "accept", content: { n } } });
const answerIn = (responses: Readonly<Record<string, unknown>> | undefined): unknown => {
  const answer = inputResponse(responses, "form");
  return answer.kind === "elicit" && answer.action === "accept" ? answer.content?.["n"] : undefined;
};

/** Asks twice, and notes which answers it ran with. */
function steps({ idempotent = true } = {}) {
  const runs: unknown[] = [];
  const tool = defineTool({
    name: "steps",
    description: "Asks twice.",
    input: z.object({ note: z.string().optional() }),
    session: "created",
    annotations: { idempotentHint: idempotent },
    async handler({ inputResponses, requestState, session }) {
      const n = answerIn(inputResponses);
      const before = JSON.parse(requestState<string>() ?? "[]") as number[];
      if (n === 13) throw new Error("No luck.");
      if (n !== undefined) runs.push(n);
      await session.state.set("steps", runs.length);
      if (n === undefined) return inputRequired({ inputRequests: { form }, requestState: "[]" });
      const all = [...before, Number(n)];
      if (all.length === 2) return { all, runs: runs.length };
      return inputRequired({ inputRequests: { form }, requestState: JSON.stringify(all) });
    },
  });
  return { runs, tool };
}

interface Round {
  state?: string;
  n?: number;
  id?: string;
  key?: string;
  args?: Json;
  at?: string;
}

const call = (url: string, { state, n, id = "1", key, args = {}, at = "" }: Round) =>
  callModern(`${url}${at}`, "steps", args, {
    ...{ id, capabilities: { elicitation: { form: {} } } },
    ...(key !== undefined && { meta: { "holdfast/request-key": key } }),
    rounds: {
      ...(state !== undefined && { requestState: state }),
      ...(n !== undefined && { inputResponses: answers(n) }),
    },
  });

const stateOf = ({ messages }: CallAnswer): string => {
  expect(messages).toMatchObject([{ result: { resultType: "input_required" } }]);
  return messages[0]!["result"].requestState as string;
};

const USED = {
  code: -32602,
  message: "This requestState was used already: start the request anew, without it.",
};
const INVALID = { code: -32602, message: expect.stringContaining("Invalid or expired") };

const expectRefusal = (answer: { messages: Json[] }, error: Json): void =>
  expect(answer.messages).toMatchObject([{ error }]);

describe("a requestState", () => {
  it("opens at the address that it was sealed for, and at no other", async () => {
    const { tool, runs } = steps();
    const { url } = await serveHere({ tools: [tool] });
    const state = stateOf(await call(url, { at: "?name=a" }));
    for (const at of ["?name=b", "", "?session=a"])
      expectRefusal(await call(url, { state, n: 1, at }), INVALID);
    const { session } = (await callModern(`${url}?name=a`, "session_info")).data;
    expectRefusal(await call(url, { state, n: 1, at: `?session=${session}` }), INVALID);
    expectRefusal(await call(url, { state, n: 1, at: "?name=a", args: { session } }), INVALID);
    expect(runs).toEqual([]);
    stateOf(await call(url, { state, n: 1, at: "?name=a" }));
    expect(runs).toEqual([1]);
  });

  it("does not open in another session that has got the name since", async () => {
    const { tool, runs } = steps();
    const { url } = await serveHere({ tools: [tool] });
    const at = "?name=a";
    const state = stateOf(await call(url, { at }));
    await callModern(`${url}${at}`, "session_delete");
    expectRefusal(await call(url, { state, n: 1, at }), INVALID);
    await callModern(`${url}${at}`, "state_set", { key: "k", value: 1 });
    expectRefusal(await call(url, { state, n: 1, at }), INVALID);
    expect(runs).toEqual([]);
  });

  it("is used once: another request with it is refused, the same one gets its outcome, over restarts", async () => {
    const { tool, runs } = steps();
    let here = await serveHere({ tools: [tool] });
    const first = stateOf(await call(here.url, {}));
    const second = stateOf(await call(here.url, { state: first, n: 1, id: "a" }));
    const done = await call(here.url, { state: second, n: 2, id: "b" });
    expect(done.data).toMatchObject({ all: [1, 2], runs: 2 });
    for (const _ of ["before", "after a restart"]) {
      expectRefusal(await call(here.url, { state: first, n: 1, id: "other" }), USED);
      expectRefusal(await call(here.url, { state: first, n: 7, id: "a" }), USED);
      expectRefusal(await call(here.url, { state: second, n: 2, id: "other" }), USED);
      expectRefusal(await call(here.url, { state: second, id: "b" }), USED);
      expect((await call(here.url, { state: second, n: 2, id: "b" })).data).toEqual(done.data);
      await here.stop();
      here = await serveHere({ folder: here.folder, tools: [tool] });
    }
    // What the first round gives once more leads nowhere that was not gone already.
    const again = stateOf(await call(here.url, { state: first, n: 1, id: "a" }));
    expectRefusal(await call(here.url, { state: again, n: 3, id: "c" }), USED);
    expect(runs).toEqual([1, 2]);
  });

  it("goes to one of two requests that come at the same time", async () => {
    const { tool, runs } = steps();
    const { url } = await serveHere({ tools: [tool] });
    const state = stateOf(await call(url, {}));
    const both = await Promise.all(["a", "b"].map((id) => call(url, { state, n: 1, id })));
    const refused = both.filter(({ messages }) => "error" in messages[0]!);
    expect(refused).toHaveLength(1);
    expectRefusal(refused[0]!, USED);
    expect(runs).toEqual([1]);
  });

  it("of a call with a request key is known by that: a retry has another id and gets the outcome", async () => {
    const { tool, runs } = steps();
    const { url } = await serveHere({ tools: [tool] });
    const first = stateOf(await call(url, { key: "k" }));
    const second = stateOf(await call(url, { state: first, n: 1, key: "k", id: "a" }));
    stateOf(await call(url, { state: first, n: 1, key: "k", id: "b" }));
    expect(runs).toEqual([1]);
    for (const key of [undefined, "k2"])
      expectRefusal(await call(url, { state: first, n: 1, ...(key && { key }) }), USED);
    const done = await call(url, { state: second, n: 2, key: "k", id: "c" });
    expect((await call(url, { state: second, n: 2, key: "k", id: "d" })).data).toEqual(done.data);
    expectRefusal(await call(url, { state: second, n: 2, id: "c" }), USED);
    expect(runs).toEqual([1, 2]);
  });

  it("is not used up by a call that failed", async () => {
    const { tool, runs } = steps();
    const { url } = await serveHere({ tools: [tool] });
    const state = stateOf(await call(url, {}));
    expect((await call(url, { state, n: 13 })).isError).toBe(true);
    stateOf(await call(url, { state, n: 1, id: "2" }));
    expect(runs).toEqual([1]);
  });

  /** As a process leaves it that dies while a round runs. */
  const interrupt = ({ folder }: Here): void => {
    const changes = openDatabase(folder, { readonly: false })
      .prepare(
        "UPDATE keyed_calls SET outcome = NULL, instance_id = 'dead' WHERE key LIKE 'requestState:%'",
      )
      .run();
    expect(changes.changes).toBe(1);
  };

  it.each([true, false])(
    "of a round that a crash cut short is run again for the same request, where its tool may (idempotent: %s)",
    async (idempotent) => {
      const { tool, runs } = steps({ idempotent });
      const here = await serveHere({ tools: [tool] });
      const state = stateOf(await call(here.url, {}));
      const round = { state, n: 1, id: "a" };
      await call(here.url, round);
      interrupt(here);
      expectRefusal(await call(here.url, { ...round, id: "b" }), USED);
      const again = await call(here.url, round);
      if (idempotent) stateOf(again);
      else
        expect(again.messages).toMatchObject([
          { result: { isError: true, _meta: { interrupted: true } } },
        ]);
      expect(runs).toEqual(idempotent ? [1, 1] : [1]);
    },
  );

  it("of a prompt is used once too, and opens at its address", async () => {
    const greeting = definePrompt({
      name: "greeting",
      handler({ inputResponses }) {
        const n = answerIn(inputResponses);
        if (n === undefined) return inputRequired({ inputRequests: { form }, requestState: "x" });
        return { messages: [{ role: "user", content: { type: "text", text: `n: ${n}` } }] };
      },
    });
    const { url } = await serveHere({ prompts: [greeting] });
    const get = (rounds: Json, id = "1", at = "") =>
      askModern(
        `${url}${at}`,
        "prompts/get",
        { name: "greeting", ...rounds },
        {
          ...{ id, capabilities: { elicitation: { form: {} } } },
        },
      );
    const { requestState } = (await get({})).messages[0]!["result"];
    const round = { requestState, inputResponses: answers(1) };
    expectRefusal(await get(round, "1", "?name=a"), INVALID);
    for (const _ of [1, 2])
      expect((await get(round)).messages).toMatchObject([{ result: { messages: [{}] } }]);
    expectRefusal(await get(round, "2"), USED);
    expectRefusal(await get({ requestState, inputResponses: answers(2) }), USED);
  });
});
