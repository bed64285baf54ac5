// Nodes that die or are paused in the middle of calls: the others give each call its outcome, and nothing is done twice.
import { expect, it } from "vitest";
import { connect } from "../support/clients.ts";
import { fly } from "../support/flight.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { FIXTURE, type ServerProcess, startServer } from "../support/process.ts";
import { roundRobin } from "../support/round-robin.ts";

/** Nodes, and an address at which the first of them answers until `leave`, and the others from then on. */
async function startNodes() {
  const { url } = await emptyDatabase();
  const node = (): Promise<ServerProcess> => startServer({ folder: url, script: FIXTURE });
  const first = await node();
  const others = await Promise.all([node(), node()]);
  const urls = [first.url];
  const balancer = await roundRobin(urls);
  const leave = (): void => {
    urls.splice(0, 1, ...others.map((other) => other.url));
    balancer.cut();
  };
  return { url: `${balancer.url}?name=work`, first, leave };
}

it.each(["v1", "v2"] as const)(
  "the %s client gets the outcome of each call from another node when its own is killed",
  async (version) => {
    const { url, first, leave } = await startNodes();
    const client = await connect(version, { url });
    const [safe, unsafe] = [fly(client, "count"), fly(client, "count_once")];
    await Promise.all([safe.begun, unsafe.begun]);
    leave();
    await first.kill();
    expect(await safe.outcome).toMatchObject({ text: "counted to 5 in run 2", isError: false });
    expect(safe.progress).toEqual([1, 2, 3, 4, 5]);
    const { text, isError } = await unsafe.outcome;
    expect(isError).toBe(true);
    expect(text).toMatch(MAY_BE_DONE);
    expect((await client.call("state_get", { key: "count_once runs" })).data.value).toBe(1);
  },
);

it("a node that was paused for dead writes nothing of what another has taken over", async () => {
  const { url, first, leave } = await startNodes();
  const client = await connect("v1", { url });
  const call = fly(client, "count_once", 1_000);
  await call.begun;
  process.kill(first.pid, "SIGSTOP");
  leave();
  const { text, isError } = await call.outcome;
  expect(isError).toBe(true);
  expect(text).toMatch(MAY_BE_DONE);
  process.kill(first.pid, "SIGCONT");
  // It serves again, and what it had begun is over.
  const again = await connect("v1", { url: `${first.url}?name=work` });
  expect((await again.call("state_get", { key: "count_once runs" })).data.value).toBe(1);
  expect((await again.call("state_set", { key: "after", value: true })).isError).toBe(false);
  expect((await client.call("state_get", { key: "after" })).data.value).toBe(true);
});
