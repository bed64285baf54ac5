// Calls a second: Holdfast, with every write committed, against servers that keep everything in memory. The two sides
// of a pair run in turn, round by round, so that other load on the machine affects both.
import { legacy, modern, plain, type Workload } from "./clients.ts";
import { load } from "./load.ts";
import { inFolder, type Running, startServer } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const ROUNDS = 5;
const SECONDS = 2;

/** A server of bench/servers/ with its arguments (FOLDER stands for its own folder), and the workload on it. */
interface Side {
  server: string[];
  workload: Workload;
}

interface CallRow {
  what: string;
  ours: Side;
  theirs: Side;
  /** Wanted ratio, ours to theirs. */
  reach?: number;
  connections: number;
}

const SET = { key: "count", value: 42 };
const ECHO = { text: "hello" };
const STEPS: Parameters<typeof legacy> = ["steps", { steps: 20 }, { progressToken: 1 }];

const holdfast = (workload: Workload, durability = "full"): Side => ({
  server: ["holdfast.ts", "FOLDER", durability],
  workload,
});
const sdkSessions = (workload: Workload, ...args: string[]): Side => ({
  server: ["sdk-sessions.ts", ...args],
  workload,
});
const bareHono: Side = { server: ["echo.ts"], workload: plain("echo", ECHO) };
const oneCommit: Side = { server: ["commit.ts", "FOLDER"], workload: plain("state_set", SET) };
const sdkAlone: Side = { server: ["sdk-alone.ts"], workload: plain("echo", ECHO) };

const ROWS: CallRow[] = [
  {
    what: "2026 `state_set`, durable / the SDK's `createMcpHandler`, Map",
    ours: holdfast(modern("state_set", SET)),
    theirs: { server: ["sdk-modern.ts"], workload: modern("state_set", SET) },
    reach: 4,
    connections: 16,
  },
  {
    what: "2025 `state_set`, durable / the SDK's session transport, Map",
    ours: holdfast(legacy("state_set", SET)),
    theirs: sdkSessions(legacy("state_set", SET)),
    reach: 3,
    connections: 16,
  },
  {
    what: "2025 `state_get` / the same",
    ours: holdfast(legacy("state_get", { key: "count" })),
    theirs: sdkSessions(legacy("state_get", { key: "count" })),
    reach: 3.5,
    connections: 16,
  },
  {
    what: "2025 echo / the same",
    ours: holdfast(legacy("echo", ECHO)),
    theirs: sdkSessions(legacy("echo", ECHO)),
    reach: 3.5,
    connections: 16,
  },
  {
    what: "2025 echo / bare Hono echoing JSON",
    ours: holdfast(legacy("echo", ECHO)),
    theirs: bareHono,
    reach: 0.55,
    connections: 16,
  },
  {
    what: "ceiling: echo of the SDK's `Server` alone / its session transport",
    ours: sdkAlone,
    theirs: sdkSessions(legacy("echo", ECHO)),
    connections: 16,
  },
  {
    what: "ceiling: echo of the SDK's `Server` alone / bare Hono",
    ours: sdkAlone,
    theirs: bareHono,
    connections: 16,
  },
  {
    what: "2025 `state_set`, one connection / bare Hono with one sync a request",
    ours: holdfast(legacy("state_set", SET)),
    theirs: oneCommit,
    reach: 0.8,
    connections: 1,
  },
  {
    what: "the same / the SDK's session transport with one sync a call",
    ours: holdfast(legacy("state_set", SET)),
    theirs: sdkSessions(legacy("state_set", SET), "sqlite", "FOLDER"),
    connections: 1,
  },
  {
    what: "2025 `state_set`, one connection: `full` / `normal`",
    ours: holdfast(legacy("state_set", SET)),
    theirs: holdfast(legacy("state_set", SET), "normal"),
    connections: 1,
  },
  {
    what: "2026 echo as a task, stored and waited for / as a plain call",
    ours: holdfast(modern("echo_task", ECHO)),
    theirs: holdfast(modern("echo", ECHO)),
    connections: 16,
  },
  {
    what: "2025 call with 20 progress events, stored / the SDK, events in memory",
    ours: holdfast(legacy(...STEPS)),
    theirs: sdkSessions(legacy(...STEPS), "sse"),
    reach: 2,
    connections: 16,
  },
];

export async function* measureCalls(): AsyncGenerator<Row> {
  for (const row of ROWS) {
    const rates = await inTurn(row);
    yield ratio(row.what, "calls/s", rates, row.reach ? { atLeast: row.reach } : undefined);
  }
}

/** Requests a second of both sides, one number for each round. */
function inTurn({
  ours,
  theirs,
  connections,
}: CallRow): Promise<{ ours: number[]; theirs: number[] }> {
  return inFolder((ourFolder) =>
    inFolder(async (theirFolder) => {
      const us = await start(ours, ourFolder);
      const them = await start(theirs, theirFolder);
      try {
        const options = { connections, seconds: SECONDS };
        const rates = { ours: [] as number[], theirs: [] as number[] };
        for (let round = 0; round <= ROUNDS; round++) {
          const a = await load(us.url, ours.workload, options);
          const b = await load(them.url, theirs.workload, options);
          if (round === 0) continue; // warm-up
          rates.ours.push(a.requestsPerSecond);
          rates.theirs.push(b.requestsPerSecond);
        }
        return rates;
      } finally {
        await Promise.all([us.kill(), them.kill()]);
      }
    }),
  );
}

function start({ server: [file, ...args] }: Side, folder: string): Promise<Running> {
  return startServer(file!, ...args.map((arg) => (arg === "FOLDER" ? folder : arg)));
}
