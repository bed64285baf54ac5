// What nodes share: the cleanup, which one of them does, and a principal's limits, of which each has its part.
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/index.ts";
import { gate, type Here, serveHere } from "../support/here.ts";
import { metrics, startNodes } from "../support/nodes.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { introduce, rpc } from "../support/raw.ts";

it("one node does the cleanup, and another one when that has gone", async () => {
  const { url, client } = await emptyDatabase();
  const config = { "database-url": url, "pool-size": 4, "cleanup-interval": "1s" };
  const [one, two] = [await serveHere({ config }), await serveHere({ config })];
  const holder = async (): Promise<string | undefined> =>
    (await client.query<{ id: string }>("SELECT instance_id AS id FROM leases")).rows[0]?.id;
  const first = await holder();
  const caller = await introduce(`${two.url}?name=work`);
  const expire = async (): Promise<void> => {
    await caller.call("state_set", { key: "fact", value: 1, ttl_seconds: 3_600 });
    await client.query("UPDATE session_state SET expires_at = 1");
    const stored = async (): Promise<unknown> =>
      (await client.query("SELECT key FROM session_state")).rows;
    await expect.poll(stored).toEqual([]);
  };
  await expire();
  expect(await holder()).toBe(first);
  await one.stop();
  await expire();
  expect(await holder()).not.toBe(first);
});

it("a principal's limit on calls is shared among the nodes that serve, and one node's when the others have gone", async () => {
  const { wait, open } = gate();
  const tool = defineTool({
    ...{ name: "wait", description: "Waits.", input: z.object({}) },
    async handler() {
      await wait;
      return "waited";
    },
  });
  const nodes = await startNodes({ tools: [tool], config: { "max-concurrent-calls": 4 } });
  onTestFinished(open);
  const [first, ...others] = nodes as [Here, Here, Here];
  const known = async (node: Here, processes: number): Promise<void> =>
    expect.poll(() => metrics(node)).toContain(`holdfast_serving_processes ${processes}`);
  /** How many calls a node takes before it refuses one. */
  const taken = async (node: Here): Promise<number> => {
    const client = await introduce(node.url);
    for (let n = 0; ; n += 1) {
      const call = rpc("tools/call", { name: "wait", arguments: {} }, client.nextId());
      const response = await client.post(call);
      if (response.status === 200) continue;
      expect(response.status).toBe(429);
      expect(await response.text()).toContain("the setting max-concurrent-calls");
      return n;
    }
  };
  for (const node of nodes) await known(node, 3);
  // A third of four, rounded up.
  for (const node of nodes) expect(await taken(node)).toBe(2);
  open();
  await Promise.all(others.map((node) => node.stop()));
  await known(first, 1);
  await expect.poll(() => metrics(first)).toContain("holdfast_running_calls 0");
});
