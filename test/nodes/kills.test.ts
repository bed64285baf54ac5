// Nodes that are killed while clients of every version are at work: nothing acknowledged is lost, nothing is done twice, every
// call ends, and no client begins anew.
import { it } from "vitest";
import { busyClient, expectAllStored } from "../support/busy-client.ts";
import { VERSIONS } from "../support/clients.ts";
import { startNodeProcesses } from "../support/nodes.ts";

it("clients of every version work on while nodes are killed and replaced", async () => {
  const { url, replace } = await startNodeProcesses();
  const address = `${url}?name=work`;
  const clients = await Promise.all(VERSIONS.map((version) => busyClient(version, address)));
  for (const victim of [1, 0]) {
    await Promise.all(clients.map((client) => client.goOn(3)));
    await replace(victim);
  }
  await Promise.all(clients.map((client) => client.goOn(3)));
  await Promise.all(clients.map((client) => client.stop()));
  await expectAllStored(address, clients);
});
