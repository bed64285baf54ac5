// Calls a second and processor time a call: Holdfast, with every write committed, against what else one would build a
// server with. Peers from npm are no dependencies of the project: this folder has a lock of its own, and is installed at
// its first use.
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { legacy, modern, post, type Workload } from "../clients.ts";
import { load } from "../load.ts";
import { cpuMicros, temporaryFolder, type Running, startServer } from "../processes.ts";
import { median, ratio, type Row } from "../row.ts";

const ROUNDS = 3;
const SECONDS = 1;
const CONNECTIONS = 16;

/** Cores: a load that takes more would hide how quick a server is. */
const MOST_LOAD = 0.33;

type Call = typeof legacy;
type ToolName = "state_set" | "state_get" | "echo";

interface Tool {
  workload: (call: Call) => Workload;
  /** Part of a right answer. */
  answer: string;
}

interface Peer {
  name: string;
  /** A file beside bench/servers/ or in it, with its arguments (FOLDER stands for its own folder). */
  server: string[];
  call: Call;
  /** Wanted ratio of calls a second, ours to theirs. */
  reach?: Partial<Record<ToolName, number>>;
}

/** A server under load, with one number for each round of the present tool. */
interface Side extends Peer {
  running: Running;
  rates: number[];
  micros: number[];
}

const SET = { key: "count", value: 42 };

const TOOLS: Record<ToolName, Tool> = {
  state_set: { workload: (call) => call("state_set", SET), answer: "" },
  state_get: { workload: (call) => afterSet(call), answer: "42" },
  echo: { workload: (call) => call("echo", { text: "hello" }), answer: "hello" },
};

const HOLDFAST = ["holdfast.ts", "FOLDER"];

const PEERS: Peer[] = [
  {
    name: "the SDK's session transport, Map",
    server: ["sdk-sessions.ts"],
    call: legacy,
    reach: { state_set: 3, state_get: 3.5, echo: 3.5 },
  },
  {
    name: "the SDK's session transport, SQLite",
    server: ["sdk-sessions.ts", "sqlite", "FOLDER"],
    call: legacy,
  },
  { name: "fastmcp, Map", server: ["../peers/fastmcp.mjs"], call: legacy },
  { name: "@hono/mcp, Map", server: ["../peers/hono-mcp.mjs"], call: legacy },
  {
    name: "the SDK's `createMcpHandler`, Map",
    server: ["sdk-modern.ts"],
    call: modern,
    reach: { state_set: 4 },
  },
  { name: "mcp-use, Map", server: ["../peers/mcp-use.mjs"], call: modern },
  { name: "mcp-handler, Map", server: ["../peers/mcp-handler.mjs"], call: modern },
];

export async function* measurePeers(): AsyncGenerator<Row> {
  install();
  await using open = new AsyncDisposableStack();
  const ours: Side[] = [];
  for (const call of [legacy, modern])
    ours.push(await start({ name: "Holdfast", server: HOLDFAST, call }, open));
  const theirs: Side[] = [];
  for (const peer of PEERS) theirs.push(await start(peer, open));

  const costs: Cost[] = [];
  for (const [name, tool] of Object.entries(TOOLS) as [ToolName, Tool][]) {
    costs.push(...(await inTurn([...ours, ...theirs], tool)));
    for (const side of theirs)
      yield* compare(
        name,
        ours.find(({ call }) => call === side.call)!,
        side,
      );
  }
  yield* costOfLoad(costs);
}

/** Install the peers, if that has not been done for this lock. */
function install(): void {
  const folder = import.meta.dirname;
  const installed = join(folder, "node_modules", ".package-lock.json");
  const lock = join(folder, "package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error("  installs the peers in bench/peers/node_modules, once (npm ci) …");
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function start(peer: Peer, open: AsyncDisposableStack): Promise<Side> {
  const folder = temporaryFolder(open);
  const [file, ...args] = peer.server;
  const running = await startServer(file!, ...args.map((a) => (a === "FOLDER" ? folder : a)));
  open.defer(() => running.kill());
  return { ...peer, running, rates: [], micros: [] };
}

interface Cost {
  micros: number;
  share: number;
}

/** Put load on the sides in turn, round by round; resolves to the load's own cost in each round. */
async function inTurn(sides: readonly Side[], tool: Tool): Promise<Cost[]> {
  for (const side of sides) {
    await expectAnswer(side, tool);
    side.rates = [];
    side.micros = [];
  }
  const costs: Cost[] = [];
  for (let round = 0; round <= ROUNDS; round++)
    for (const { running, call, rates, micros } of sides) {
      const workload = tool.workload(call);
      const before = cpuMicros(running.pid);
      const result = await load(running.url, workload, {
        connections: CONNECTIONS,
        seconds: SECONDS,
      });
      if (round === 0) continue; // warm-up
      rates.push(result.requestsPerSecond);
      micros.push((cpuMicros(running.pid) - before) / result.requests);
      costs.push({ micros: result.ownMicros, share: result.ownShare });
    }
  return costs;
}

/** @throws Error if the server answers with anything but the tool's result: a refusal is quick. */
async function expectAnswer({ name, running, call }: Side, tool: Tool): Promise<void> {
  const text = await (await post(running.url, await tool.workload(call)(running.url))).text();
  const right = text.includes('"result"') && !/"isError":\s*true/.test(text);
  if (!right || !text.includes(tool.answer)) throw new Error(`${name} answered ${text}`);
}

/** Two rows: calls a second, and processor time a call, of which less is more. */
function* compare(tool: ToolName, ours: Side, theirs: Side): Generator<Row> {
  const what = `${ours.call === legacy ? 2025 : 2026} \`${tool}\` / ${theirs.name}`;
  const wanted = theirs.reach?.[tool];
  const rates = { ours: ours.rates, theirs: theirs.rates };
  yield ratio(`${what}: calls`, "calls/s", rates, wanted ? { atLeast: wanted } : undefined);
  const inverse = { ours: theirs.micros, theirs: ours.micros };
  yield {
    ...ratio(`${what}: processor time, theirs / ours`, "µs", inverse, { atLeast: 1 }),
    ours: median(ours.micros),
    theirs: median(theirs.micros),
  };
}

function* costOfLoad(costs: readonly Cost[]): Generator<Row> {
  const micros = median(costs.map((cost) => cost.micros));
  yield {
    what: "the load itself: processor time a request",
    unit: "µs",
    ours: micros,
    figure: micros,
  };
  const share = Math.max(...costs.map((cost) => cost.share));
  yield {
    what: "the load itself: most of one core, in any round",
    unit: "cores",
    ours: share,
    figure: share,
    reach: { atMost: MOST_LOAD },
  };
}

/** `state_get` of a value that the same session has set. */
function afterSet(call: Call): Workload {
  return async (url) => {
    const { headers, body } = await call("state_set", SET)(url);
    await (await post(url, { headers, body })).text();
    const message = JSON.parse(body);
    message.params.name = "state_get";
    delete message.params.arguments.value;
    if ("mcp-name" in headers) headers["mcp-name"] = "state_get";
    return { headers, body: JSON.stringify(message) };
  };
}
