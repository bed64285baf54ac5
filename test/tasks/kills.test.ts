// The flows of the conformance suite's tasks, with the death of the process between any two requests.
import { expect, it } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { askModern } from "../support/modern.ts";
import { startServer, TASKS } from "../support/process.ts";
import type { Json } from "../support/raw.ts";
import { rows } from "../support/rows.ts";
import { accept, DONE, SOON, TAKES_TASKS, taskClient } from "../support/tasks.ts";

type Client = ReturnType<typeof taskClient>;

/** The requests of a flow; the first begins its task. What one returns goes to the next ones. */
type Flow = [
  begin: (client: Client, url: string) => Promise<string>,
  ...then: ((client: Client, id: string) => Promise<unknown>)[],
];

const begin =
  (tool: string, args: object = {}) =>
  (client: Client): Promise<string> =>
    client.begin(tool, args);

const ends = (expected: object) => async (client: Client, id: string) =>
  expect(await client.until(id, ...DONE)).toMatchObject(expected);
const says = (text: string) => ends({ status: "completed", result: { content: [{ text }] } });
const cancelled = ends({ status: "cancelled" });
const asks = (client: Client, id: string) => client.until(id, "input_required");
const answer = (name: string, content: object) => async (client: Client, id: string) =>
  expect(await client.answer(id, { [name]: accept(content) })).toMatchObject({ result: {} });
const cancel = async (client: Client, id: string) =>
  expect(await client.cancel(id)).toMatchObject({ result: {} });

/** A call whose tool asks before its task begins. */
async function prepared(_: Client, url: string): Promise<string> {
  const call = async (more: object): Promise<Json> => {
    const params = { name: "test_tool_with_task", arguments: {}, ...more };
    const options = { capabilities: TAKES_TASKS, headers: { "mcp-name": params.name } };
    return (await askModern(url, "tools/call", params, options)).messages.at(-1)!["result"] as Json;
  };
  const { requestState } = await call({});
  const inputResponses = { user_name: accept({ name: "Ana" }) };
  return (await call({ requestState, inputResponses }))["taskId"] as string;
}

const FLOWS: Record<string, Flow> = {
  greets: [begin("steps"), says("run 2, a by run 1"), says("run 2, a by run 1")],
  sleeps: [begin("slow_compute", { seconds: 1 }), says("Computed it.")],
  fails: [begin("failing_job"), ends({ status: "completed", result: { isError: true } })],
  "fails with an error of the protocol": [
    begin("protocol_error_job"),
    ends({ status: "failed", error: { code: -32603 } }),
  ],
  confirms: [
    begin("confirm_delete", { filename: "a" }),
    asks,
    answer("confirm", { confirm: true }),
    says("Deleted a."),
  ],
  "asks twice": [
    begin("multi_input"),
    answer("name", { name: "Ana" }),
    asks,
    answer("confirm", { confirm: true }),
    says("accept, accept"),
  ],
  "asks before it begins": [prepared, says("Hello, Ana!")],
  "is answered twice": [
    begin("confirm_delete", { filename: "b" }),
    answer("confirm", { confirm: true }),
    answer("confirm", { confirm: false }),
    says("Deleted b."),
  ],
  "is cancelled while it asks": [begin("multi_input"), asks, cancel, cancelled],
  "is answered after it was cancelled": [
    begin("confirm_delete", { filename: "c" }),
    cancel,
    answer("confirm", { confirm: true }),
    cancelled,
  ],
  "is cancelled after its end": [
    begin("confirm_delete", { filename: "d" }),
    answer("confirm", { confirm: true }),
    says("Deleted d."),
    cancel,
    says("Deleted d."),
  ],
};

it("each flow of tasks goes on when the process is killed between any two requests", async () => {
  const folder = temporaryFolder();
  const ids = new Map<string, string>();
  const recorded = (id: string) =>
    rows(folder, `SELECT name FROM task_steps WHERE task_id = '${id}'`);
  const steps = Math.max(...Object.values(FLOWS).map((flow) => flow.length));
  for (let step = 0; step < steps; step += 1) {
    const server = await startServer({ folder, script: TASKS });
    const client = taskClient(server.url);
    const each = Object.entries(FLOWS).map(async ([name, [first, ...then]]) => {
      if (step === 0) {
        const id = await first(client, server.url);
        ids.set(name, id);
        // A task that has recorded nothing is not gone on with.
        if (/^(?:asks before|fails)/.test(name)) await client.until(id, ...DONE);
        else await expect.poll(() => recorded(id), SOON).not.toEqual([]);
      } else await then[step - 1]?.(client, ids.get(name)!);
    });
    await Promise.all(each);
    await server.kill();
  }
});
