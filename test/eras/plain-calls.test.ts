// Calls that the SDK need not see and calls that it completes get the same kinds of answers, and each runs once.
import { inputRequired } from "@modelcontextprotocol/server";
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool, image } from "../../src/index.ts";
import { gate, serveHere } from "../support/here.ts";
import { askModern, type ModernOptions } from "../support/modern.ts";
import { eventsOf, introduce, type Json, read, rpc } from "../support/raw.ts";

const PNG = "iVBORw0KGgo=";

function tools() {
  const runs: string[] = [];
  const running = gate();
  const stopped = gate();
  const [ended, told, released] = [gate(), gate(), gate()];
  const spec = { description: "For a test.", session: "optional", response: "json" } as const;
  const run = <T>(name: string, result: T): T => (runs.push(name), result);
  const all = [
    defineTool({ ...spec, name: "text", handler: () => run("text", "plain") }),
    defineTool({ ...spec, name: "data", handler: () => run("data", { n: 1 }) }),
    defineTool({
      ...spec,
      name: "picture",
      handler: () => run("picture", image(Buffer.from(PNG, "base64"), "image/png")),
    }),
    defineTool({
      ...spec,
      name: "ask",
      handler({ inputResponses }) {
        if (inputResponses?.["sure"] !== undefined) return run("ask again", "asked");
        const sure = inputRequired.elicit({ message: "Sure?", requestedSchema: z.object({}) });
        return run("ask", inputRequired({ inputRequests: { sure } }));
      },
    }),
    defineTool({
      ...spec,
      name: "speak",
      async handler({ log, progress }) {
        await log("debug", "quiet");
        await log("error", "loud");
        await progress(1, 2, "half");
        return run("speak", "spoken");
      },
    }),
    defineTool({
      ...spec,
      name: "hold",
      async handler({ signal }) {
        running.open();
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(stopped.open())),
        );
        return run("hold", "never");
      },
    }),
    defineTool({
      ...spec,
      name: "tell_late",
      handler({ log }) {
        void ended.wait.then(() => log("error", "late")).then(told.open);
        return run("tell_late", "early");
      },
    }),
    defineTool({
      ...spec,
      name: "wait",
      async handler() {
        running.open();
        await released.wait;
        return run("wait", "waited");
      },
    }),
    defineTool({
      ...spec,
      name: "odd",
      handler: () => run("odd", { content: [], _meta: { progressToken: {} } }),
    }),
  ];
  const [wait, stop] = [running.wait, stopped.wait];
  return { all, runs, running: wait, stopped: stop, ended, told, released };
}

async function program(version?: string) {
  const { all, ...seen } = tools();
  const { url } = await serveHere({ tools: all });
  const client = await introduce(url, version === undefined ? {} : { version });
  const call = (name: string, more: object = {}, id = 2): Promise<Response> =>
    client.post(rpc("tools/call", { name, arguments: {}, ...more }, id));
  const answer = async (name: string, more?: object): Promise<Json> =>
    (await read(await call(name, more))).messages.at(-1)!;
  return { client, call, answer, ...seen };
}

it("text, data, images and questions are results of one run each", async () => {
  const { client, call, answer, runs } = await program();
  expect(await answer("text")).toMatchObject({ id: 2, result: { content: [{ text: "plain" }] } });
  expect(await answer("data")).toMatchObject({ id: 2, result: { structuredContent: { n: 1 } } });
  const shown = { type: "image", data: PNG, mimeType: "image/png" };
  expect(await answer("picture")).toMatchObject({ id: 2, result: { content: [shown] } });
  expect(runs).toEqual(["text", "data", "picture"]);

  const asking = await call("ask");
  const reader = asking.body!.pipeThrough(new TextDecoderStream()).getReader();
  let told = "";
  while (eventsOf(told).length === 0) told += (await reader.read()).value;
  const [question] = eventsOf(told);
  expect(question).toMatchObject({ method: "elicitation/create", params: { message: "Sure?" } });
  const accepted = { action: "accept", content: {} };
  await client.post({ jsonrpc: "2.0", id: question!["id"], result: accepted });
  for (let next = await reader.read(); !next.done; next = await reader.read()) told += next.value;
  expect(eventsOf(told).at(-1)).toMatchObject({ id: 2, result: { content: [{ text: "asked" }] } });
  expect(runs.slice(3)).toEqual(["ask", "ask again"]);
});

it("params that the SDK refuses are refused in its words, and run nothing", async () => {
  const { answer, runs } = await program();
  for (const [name, more] of [
    ["text", { arguments: [1] }],
    ["text", { arguments: "{}" }],
    ["text", { _meta: { "holdfast/request-key": 1 } }],
    ["text", { task: 1 }],
    [1 as never, {}],
  ] as const)
    expect(await answer(name, more)).toMatchObject({ id: 2, error: { code: -32602 } });
  const message = expect.stringMatching(/^Unknown tool: nothing/) as string;
  expect(await answer("nothing")).toMatchObject({ error: { code: -32602, message } });
  expect(runs).toEqual([]);
});

it("a call tells its progress, and its log from the client's level on", async () => {
  const { client, call } = await program();
  await read(await client.post(rpc("logging/setLevel", { level: "error" })));
  const { messages } = await read(await call("speak", { _meta: { progressToken: "p" } }));
  expect(messages).toMatchObject([
    { method: "notifications/message", params: { level: "error", data: "loud" } },
    { method: "notifications/progress", params: { progressToken: "p", progress: 1, total: 2 } },
    { id: 2, result: { content: [{ text: "spoken" }] } },
  ]);
});

it("a cancelled call sees an aborted signal, and is not answered", async () => {
  const { client, call, running, stopped, runs } = await program();
  const held = call("hold");
  await running;
  await client.post({
    ...{ jsonrpc: "2.0", method: "notifications/cancelled" },
    params: { requestId: 2, reason: "enough" },
  });
  await stopped;
  expect((await read(await held)).messages).toEqual([]);
  expect(runs).toEqual(["hold"]);
});

async function modernProgram() {
  const { all, runs } = tools();
  const { url } = await serveHere({ tools: all });
  const ask = async (name: string, more: object = {}, options: ModernOptions = {}) =>
    (await askModern(url, "tools/call", { name, arguments: {}, ...more }, options)).messages;
  return { runs, ask };
}

const KEY = "io.modelcontextprotocol/";

it("2026-07-28: each result has its type and the server's name, whoever completes it", async () => {
  const { ask, runs } = await modernProgram();
  const _meta = { [`${KEY}serverInfo`]: { name: "holdfast" }, "holdfast/session": null };
  const complete = { resultType: "complete", _meta };
  const shown = { type: "image", data: PNG, mimeType: "image/png" };
  for (const [name, result] of [
    ["text", { content: [{ text: "plain" }] }],
    ["data", { structuredContent: { n: 1 } }],
    ["picture", { content: [shown] }],
  ] as const)
    expect(await ask(name)).toMatchObject([{ id: 1, result: { ...complete, ...result } }]);

  const capabilities = { elicitation: { form: {} } };
  const [question] = await ask("ask", {}, { capabilities });
  expect(question).toMatchObject({ result: { resultType: "input_required" } });
  const { requestState } = question!["result"] as Json;
  const sure = { action: "accept", content: {} };
  const again = { inputResponses: { sure }, requestState };
  const asked = { ...complete, content: [{ text: "asked" }] };
  expect(await ask("ask", again, { capabilities })).toMatchObject([{ id: 1, result: asked }]);
  expect(runs).toEqual(["text", "data", "picture", "ask", "ask again"]);
});

it("2026-07-28: a call tells its progress, and its log from the envelope's level on", async () => {
  const { ask } = await modernProgram();
  const spoken = { id: 1, result: { content: [{ text: "spoken" }] } };
  expect(await ask("speak")).toMatchObject([spoken]);
  const meta = { progressToken: "p", [`${KEY}logLevel`]: "error" };
  expect(await ask("speak", {}, { meta })).toMatchObject([
    { method: "notifications/message", params: { level: "error", data: "loud" } },
    { method: "notifications/progress", params: { progressToken: "p", progress: 1, total: 2 } },
    spoken,
  ]);
});

it("2026-07-28: params that the SDK refuses are refused in its words, and run nothing", async () => {
  const { ask, runs } = await modernProgram();
  for (const more of [{ arguments: [1] }, { arguments: "{}" }])
    expect(await ask("text", more)).toMatchObject([{ id: 1, error: { code: -32602 } }]);
  expect(runs).toEqual([]);
});

it("a message of a call that has ended does not go to a later one with its id", async () => {
  const { call, answer, running, ended, told, released } = await program();
  await answer("tell_late");
  const later = call("wait");
  await running;
  ended.open();
  await told.wait;
  released.open();
  expect((await read(await later)).messages).toMatchObject([
    { id: 2, result: { content: [{ text: "waited" }] } },
  ]);
});

it("metadata of a result that the SDK refuses is refused", async () => {
  const { answer, runs } = await program();
  expect(await answer("odd")).toMatchObject({ id: 2, error: { code: -32602 } });
  expect(runs).toEqual(["odd"]);
});

it("a call that is cancelled by its own batch does not run", async () => {
  const { client, runs } = await program("2025-03-26");
  const cancelled = (requestId: number): object => ({
    ...{ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } },
  });
  const [text, data] = ["text", "data"].map((name, at) => rpc("tools/call", { name }, at));
  const { messages } = await read(await client.post([text, data, cancelled(0)] as object));
  expect(messages).toMatchObject([{ id: 1, result: { structuredContent: { n: 1 } } }]);
  expect(runs).toEqual(["data"]);
});
