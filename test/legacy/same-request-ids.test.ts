// Programs that share a session may use one JSON-RPC id at the same time, each on a connection of its own (a large host
// sends id 1 with every request): their calls are kept apart, in memory and in the database.
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { FIXTURE, startServer } from "../support/process.ts";
import { calling, eventsOf, introduce, type RawClient, read, rpc } from "../support/raw.ts";

/** A tool whose calls report a step, then wait until the test lets them go. */
function holding() {
  const held = new Map<string, { running: ReturnType<typeof gate>; go: ReturnType<typeof gate> }>();
  const of = (name: string) => {
    const gates = held.get(name) ?? { running: gate(), go: gate() };
    held.set(name, gates);
    return gates;
  };
  const cancelled: string[] = [];
  const tool = defineTool({
    name: "hold",
    description: "Waits for the test.",
    input: z.object({ name: z.string() }),
    async handler({ input: { name }, progress, signal }) {
      signal.addEventListener("abort", () => cancelled.push(name));
      await progress(name.length, 9, name);
      of(name).running.open();
      await of(name).go.wait;
      return `held ${name}`;
    },
  });
  return { tool, cancelled, running: (name: string) => of(name).running.wait, go: of };
}

/** Always the same id, and the progress token that SDKs make of it. */
const hold = (client: RawClient, name: string) =>
  client.post(
    rpc("tools/call", { name: "hold", arguments: { name }, _meta: { progressToken: 1 } }, 1),
  );
const cancel = (client: RawClient) =>
  client.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });

it("calls of one id at the same time are answered each on its own connection, with its own progress", async () => {
  const { tool, running, go } = holding();
  const client = await introduce((await serveHere({ tools: [tool] })).url);
  const names = ["a", "bb", "ccc"];
  const posts = names.map((name) => hold(client, name));
  await Promise.all(names.map(running));
  // What answers as JSON is kept apart as well.
  const quick = await Promise.all([client.post(rpc("ping")), client.post(rpc("tools/list"))]);
  expect((await read(quick[0])).messages).toMatchObject([{ id: 1, result: {} }]);
  expect((await read(quick[1])).messages).toMatchObject([{ id: 1, result: { tools: {} } }]);
  for (const name of names.toReversed()) {
    go(name).go.open();
    const answer = await read(await posts[names.indexOf(name)]!);
    expect(answer.messages).toMatchObject([
      { method: "notifications/progress", params: { progressToken: 1, message: name } },
      { id: 1, result: { content: [{ text: `held ${name}` }] } },
    ]);
  }
});

it("a cancellation goes to the one call that has its id, and to none when several have", async () => {
  const { tool, cancelled, running, go } = holding();
  const client = await introduce((await serveHere({ tools: [tool] })).url);
  const [a, bb] = [hold(client, "a"), hold(client, "bb")];
  await Promise.all([running("a"), running("bb")]);
  expect((await cancel(client)).status).toBe(202);
  expect(cancelled).toEqual([]);
  go("a").go.open();
  expect(calling(await read(await a)).says).toBe("held a");
  expect((await cancel(client)).status).toBe(202);
  // Its stream ends without an answer.
  expect((await read(await bb)).messages).toMatchObject([{ method: "notifications/progress" }]);
  expect(cancelled).toEqual(["bb"]);
});

it("calls of one id that a SIGKILL cuts off get each its own outcome on its own stream", async () => {
  const folder = temporaryFolder();
  const first = await startServer({ folder, script: FIXTURE });
  const client = await introduce(first.url);
  const begin = async (name: string, steps: number) => {
    const args = { steps, step_ms: 5 };
    const params = { name, arguments: args, _meta: { progressToken: 1 } };
    const response = await client.post(rpc("tools/call", params, 1));
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (eventsOf(text).length === 0) text += (await reader.read()).value ?? "";
    reader.cancel().catch(() => undefined);
    return [...text.matchAll(/^id: (.*)$/gm)][0]![1]!;
  };
  const ids = [
    await begin("count", 400),
    await begin("count", 401),
    await begin("count_once", 402),
  ];
  await first.kill();
  await startServer({ folder, script: FIXTURE, port: first.port });
  const outcomes = await Promise.all(
    ids.map(async (id) => {
      const headers = { ...client.headers, accept: "text/event-stream", "last-event-id": id };
      return (await read(await fetch(client.url, { headers }))).messages.at(-1);
    }),
  );
  const counted = (steps: number) => ({
    id: 1,
    result: { content: [{ text: expect.stringContaining(`counted to ${steps} in`) as string }] },
  });
  expect(outcomes).toMatchObject([counted(400), counted(401), { id: 1 }]);
  expect(JSON.stringify(outcomes[2])).toContain("interrupted");
});
