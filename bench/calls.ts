// Calls a second: Holdfast, with every write committed, against servers that keep everything in memory. Each pair runs
// in turn, round by round, so that what the machine does meanwhile hits both.
import { plain, sessionful, stateless, type Workload } from "./clients.ts";
import { load } from "./load.ts";
import { inFolder, startServer } from "./processes.ts";
import { ratio, type Row } from "./row.ts";

const ROUNDS = 5;
const SECONDS = 2;

interface CallRow {
  what: string;
  ours: Workload;
  theirs: { server: string[]; workload: Workload };
  /** Ratio that we want, ours to theirs. */
  reach?: number;
  connections: number;
}

const SET = { key: "count", value: 42 };
const ECHO = { text: "hello" };

const ROWS: CallRow[] = [
  {
    what: "2026 state_set, durable / SDK createMcpHandler, Map",
    ours: stateless("state_set", SET),
    theirs: { server: ["sdk-stateless.ts"], workload: stateless("state_set", SET) },
    reach: 3,
    connections: 16,
  },
  {
    what: "2025 state_set, durable / SDK session transport, Map",
    ours: sessionful("state_set", SET),
    theirs: { server: ["sdk-sessions.ts"], workload: sessionful("state_set", SET) },
    reach: 3,
    connections: 16,
  },
  {
    what: "2025 state_get / the same",
    ours: sessionful("state_get", { key: "count" }),
    theirs: { server: ["sdk-sessions.ts"], workload: sessionful("state_get", { key: "count" }) },
    reach: 3,
    connections: 16,
  },
  {
    what: "2025 echo / the same",
    ours: sessionful("echo", ECHO),
    theirs: { server: ["sdk-sessions.ts"], workload: sessionful("echo", ECHO) },
    reach: 3,
    connections: 16,
  },
  {
    what: "2025 echo / bare Hono echoing JSON",
    ours: sessionful("echo", ECHO),
    theirs: { server: ["echo.ts"], workload: plain("echo", ECHO) },
    reach: 0.5,
    connections: 16,
  },
  {
    what: "2025 state_set, one connection: full / normal",
    ours: sessionful("state_set", SET),
    theirs: { server: ["holdfast.ts", "FOLDER", "normal"], workload: sessionful("state_set", SET) },
    connections: 1,
  },
  {
    what: "2025 call with 20 progress events, stored / SDK, events in memory",
    ours: sessionful("steps", { steps: 20 }, { progressToken: 1 }),
    theirs: {
      server: ["sdk-sessions.ts", "sse"],
      workload: sessionful("steps", { steps: 20 }, { progressToken: 1 }),
    },
    reach: 1.5,
    connections: 16,
  },
];

export async function* measureCalls(): AsyncGenerator<Row> {
  for (const row of ROWS) {
    const rates = await inTurn(row);
    yield ratio(row.what, "calls/s", rates, row.reach ? { atLeast: row.reach } : undefined);
  }
}

/** Requests a second of both sides, one number a round. */
function inTurn({
  ours,
  theirs,
  connections,
}: CallRow): Promise<{ ours: number[]; theirs: number[] }> {
  return inFolder((ourFolder) =>
    inFolder(async (theirFolder) => {
      const [file, ...args] = theirs.server.map((part) => (part === "FOLDER" ? theirFolder : part));
      const us = await startServer("holdfast.ts", ourFolder);
      const them = await startServer(file!, ...args);
      try {
        const options = { connections, seconds: SECONDS };
        const rates = { ours: [] as number[], theirs: [] as number[] };
        for (let round = 0; round <= ROUNDS; round++) {
          const a = await load(us.url, ours, options);
          const b = await load(them.url, theirs.workload, options);
          if (round === 0) continue; // warming up
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
