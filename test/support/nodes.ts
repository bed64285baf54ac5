// Nodes: servers on one PostgreSQL database, in the test's own process.
import { type Here, type HereOptions, serveHere } from "./here.ts";
import { emptyDatabase } from "./postgres.ts";
import { roundRobin } from "./round-robin.ts";

/** Three nodes on an empty database. */
export async function startNodes(options: Omit<HereOptions, "folder"> = {}): Promise<Here[]> {
  const { url } = await emptyDatabase();
  const config = { "database-url": url, "pool-size": 4, ...options.config };
  const node = (): Promise<Here> => serveHere({ ...options, config });
  const first = await node(); // makes the tables
  return [first, ...(await Promise.all([node(), node()]))];
}

/** The address of a balancer without affinity in front of the nodes. */
export const balanced = async (nodes: readonly Here[]): Promise<string> =>
  (await roundRobin(nodes.map(({ url }) => url))).url;
