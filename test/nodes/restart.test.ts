// A PostgreSQL server that is restarted under working nodes: a pause for clients, and no restart of a node.
import { expect, it, onTestFinished } from "vitest";
import { busyClient, expectAllStored } from "../support/busy-client.ts";
import { VERSIONS } from "../support/clients.ts";
import { balanced, metrics, startNodes } from "../support/nodes.ts";
import { startPostgres } from "../support/postgres-process.ts";

it("clients of every version work on after PostgreSQL was restarted", async () => {
  const postgres = await startPostgres("fsync=off");
  onTestFinished(() => postgres.stop());
  const nodes = await startNodes({}, postgres.url);
  const url = `${await balanced(nodes)}?name=work`;
  const clients = await Promise.all(VERSIONS.map((version) => busyClient(version, url)));
  await Promise.all(clients.map((client) => client.goOn(3)));
  await postgres.again("restart");
  await Promise.all(clients.map((client) => client.goOn(3)));
  await Promise.all(clients.map((client) => client.stop()));
  await expectAllStored(url, clients);
  for (const node of nodes) {
    expect((await fetch(node.url.replace("/mcp", "/readyz"))).status).toBe(200);
    await expect.poll(() => metrics(node)).toContain("holdfast_listening 1");
  }
});
