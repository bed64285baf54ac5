// Nodes that are stopped one after the other, behind a balancer that keeps its connections.
import { expect, it } from "vitest";
import { balanced, metrics, startNodes } from "../support/nodes.ts";
import { introduce, rpc } from "../support/raw.ts";

it("answers each call while one node after the other stops", async () => {
  const nodes = await startNodes();
  for (const node of nodes)
    await expect.poll(() => metrics(node)).toContain("holdfast_serving_processes 3");
  const url = await balanced(nodes);
  const clients = await Promise.all(
    Array.from({ length: 6 }, (_, n) => introduce(`${url}?name=work-${n}`)),
  );
  let isOver = false;
  const statuses = new Set<number>();
  const keepCalling = async (client: (typeof clients)[number]): Promise<number> => {
    let calls = 0;
    for (; !isOver; calls += 1) {
      const set = { name: "state_set", arguments: { key: "calls", value: calls + 1 } };
      const answer = await client.post(rpc("tools/call", set, calls));
      statuses.add(answer.status);
      await answer.text();
    }
    return calls;
  };
  const calling = clients.map(keepCalling);
  await nodes[0]!.stop();
  await nodes[1]!.stop();
  isOver = true;
  const counts = await Promise.all(calling);
  expect([...statuses]).toEqual([200]);
  for (const [n, client] of clients.entries()) {
    const { data } = await client.call("state_get", { key: "calls" });
    expect(data["value"]).toBe(counts[n]);
  }
});
