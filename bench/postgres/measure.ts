import { countingWay } from "../../test/support/counting-way.ts";
// Calls on PostgreSQL: against SQLite, by one to three nodes, their round trips to the database, and their cost as the database
// grows.
import { legacy, modern, post, type PreparedRequest, type Workload } from "../clients.ts";
import { load, type LoadResult } from "../load.ts";
import { cpuMicros, inFolder, type Running, startServer } from "../processes.ts";
import { median, ratio, type Row } from "../row.ts";
import { fillDatabase, openServer, type Server } from "./databases.ts";

const ROUNDS = 5;
const SECONDS = 4; // the first round warms up several processes
const CONNECTIONS = 16;
const SET: Workload = legacy("state_set", { key: "count", value: 42 });
const GET: Workload = legacy("state_get", { key: "count" });

export async function* measurePostgres(): AsyncGenerator<Row> {
  await using server = await openServer();
  for (const measure of [againstSqlite, byNodes, roundTrips, asItGrows])
    yield* await measure(server);
}

async function withServers<T>(
  places: readonly string[],
  use: (servers: Running[]) => Promise<T>,
): Promise<T> {
  const servers: Running[] = [];
  try {
    for (const place of places) servers.push(await startServer("holdfast.ts", place));
    return await use(servers);
  } finally {
    await Promise.all(servers.map((server) => server.kill()));
  }
}

const againstSqlite = ({ create }: Server): Promise<Row[]> =>
  inFolder(async (folder) =>
    withServers([await create(), folder], async ([ours, theirs]) => {
      const rows: Row[] = [];
      const calls: [string, Workload, number?][] = [
        ["2025 `state_set`", SET, 0.4],
        ["2026 `state_set`", modern("state_set", { key: "count", value: 42 }), 0.4],
        ["2025 `state_get`", GET],
      ];
      for (const [name, workload, atLeast] of calls) {
        const rates = await inTurn([
          async () => (await run(ours!, workload)).requestsPerSecond,
          async () => (await run(theirs!, workload)).requestsPerSecond,
        ]);
        const what = `${name} on PostgreSQL / on SQLite, both durable`;
        rows.push(ratio(what, "/s", sides(rates), atLeast === undefined ? undefined : { atLeast }));
      }
      return rows;
    }),
  );

/** The cost of a call where each node has its own load, as nodes are added for more of it. */
async function byNodes(server: Server): Promise<Row[]> {
  const database = await server.create();
  return withServers([database, database, database], async (nodes) => {
    const counts = [2, 3, 1];
    const costs = await inTurn(counts.map((n) => () => cost(server, nodes.slice(0, n), SET)));
    const one = costs[2]!;
    return [0, 1].map((i) => {
      const what = `processor time of a 2025 \`state_set\` on ${counts[i]} nodes / on one`;
      return ratio(what, "µs", sides([costs[i]!, one]), { atMost: 1.3 });
    });
  });
}

/** Microseconds of the nodes and the database. */
async function cost(
  server: Server,
  nodes: readonly Running[],
  workload: Workload,
): Promise<number> {
  const total = async (): Promise<number> =>
    nodes.reduce((sum, { pid }) => sum + cpuMicros(pid), await server.cpu());
  const before = await total();
  const calls = await Promise.all(nodes.map((node) => run(node, workload)));
  const spent = (await total()) - before;
  return spent / calls.reduce((sum, { requests }) => sum + requests, 0);
}

const run = ({ url }: Running, workload: Workload): Promise<LoadResult> =>
  load(url, workload, { connections: CONNECTIONS, seconds: SECONDS });

/** What each measures, one number for each round, without the first. */
async function inTurn(measures: readonly (() => Promise<number>)[]): Promise<number[][]> {
  const results: number[][] = measures.map(() => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, measure] of measures.entries()) {
      const result = await measure();
      if (round > 0) results[i]!.push(result);
    }
  }
  return results;
}

/** @throws Error for a refusal, which costs something else */
async function call(url: string, request: PreparedRequest): Promise<void> {
  const answer = await (await post(url, request)).text();
  if (answer.includes('"isError":true')) throw new Error(answer);
}

const sides = ([ours, theirs]: number[][]) => ({ ours: ours!, theirs: theirs! });

/** Of single calls, one after another, with what goes on beside them. */
async function roundTrips({ create }: Server): Promise<Row[]> {
  const way = await countingWay(await create());
  try {
    return await withServers([way.url], async ([server]) => {
      const rows: Row[] = [];
      for (const [name, workload, atMost] of [
        ["state_set", SET, 3],
        ["state_get", GET, 2],
      ] as const) {
        const request = await workload(server!.url);
        const counts: number[] = [];
        for (let n = -20; n < 100; n++) {
          const before = way.count;
          await call(server!.url, request);
          if (n >= 0) counts.push(way.count - before);
        }
        const spread: [number, number] = [Math.min(...counts), Math.max(...counts)];
        const figure = median(counts);
        rows.push({
          ...{ what: `round trips to PostgreSQL of a warm \`${name}\``, unit: "", spread },
          ...{ ours: figure, figure, reach: { atMost } },
        });
      }
      return rows;
    });
  } finally {
    way.close();
  }
}

async function asItGrows({ create }: Server): Promise<Row[]> {
  const [large, small] = [await create(), await create()];
  await fillDatabase(large, 100_000);
  await fillDatabase(small, 1_000);
  return withServers([large, small], async (servers) => {
    const rows: Row[] = [];
    for (const [name, workload] of [
      ["state_set", SET],
      ["state_get", GET],
    ] as const) {
      const requests = await Promise.all(servers.map(({ url }) => workload(url)));
      const times: number[][] = servers.map(() => []);
      for (let n = -50; n < 500; n++) {
        for (const [i, { url }] of servers.entries()) {
          const began = performance.now();
          await call(url, requests[i]!);
          if (n >= 0) times[i]!.push(performance.now() - began);
        }
      }
      const what = `\`${name}\` on PostgreSQL with 100,000 stored sessions / with 1,000`;
      const { spread: _ofSingleCalls, ...row } = ratio(what, "ms", sides(times), { atMost: 1.3 });
      rows.push(row);
    }
    return rows;
  });
}
