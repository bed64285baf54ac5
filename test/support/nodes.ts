// Nodes: servers on one PostgreSQL database, in the test's own process or each in one.
import { type Here, type HereOptions, serveHere } from "./here.ts";
import { emptyDatabase } from "./postgres.ts";
import { FIXTURE, type ServerProcess, startServer } from "./process.ts";
import { roundRobin } from "./round-robin.ts";

/** Three nodes on an empty database, or the one that is given. */
export async function startNodes(
  options: Omit<HereOptions, "folder"> = {},
  given?: string,
): Promise<Here[]> {
  const url = given ?? (await emptyDatabase()).url;
  const config = { "database-url": url, "pool-size": 4, ...options.config };
  const node = (): Promise<Here> => serveHere({ ...options, config });
  const first = await node(); // makes the tables
  return [first, ...(await Promise.all([node(), node()]))];
}

/** The address of a balancer without affinity in front of the nodes. */
export const balanced = async (nodes: readonly Here[]): Promise<string> =>
  (await roundRobin(nodes.map(({ url }) => url))).url;

/** The lines that a node tells to a monitor. */
export const metrics = async ({ url }: Pick<Here, "url">): Promise<string[]> =>
  (await (await fetch(url.replace("/mcp", "/metrics"))).text()).split("\n");

export interface NodeProcesses {
  /** The address of the balancer in front of them. */
  url: string;
  /** Kills a node, and starts another in its place. */
  replace(index: number): Promise<void>;
}

/** Three nodes with the fixture server's tools, to be killed. */
export async function startNodeProcesses(): Promise<NodeProcesses> {
  const { url } = await emptyDatabase();
  const node = (port = 0): Promise<ServerProcess> =>
    startServer({ folder: url, script: FIXTURE, port });
  const nodes = await Promise.all([node(), node(), node()]);
  const balancer = await roundRobin(nodes.map((one) => one.url));
  const replace = async (index: number): Promise<void> => {
    const { port, kill } = nodes[index]!;
    await kill();
    nodes[index] = await node(port);
  };
  return { url: balancer.url, replace };
}
