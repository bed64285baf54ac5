// `npm run bench [-- group… [--json FILE]]`: measures, and prints a table of ratios. Machines are noisy, so the sides
// of a comparison run in turn, in the same minutes, and only the ratio counts.
import { writeFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { measureCalls } from "./calls.ts";
import { measureCleanup } from "./cleanup.ts";
import { measureFirstAnswer } from "./first-answer.ts";
import { measureGrowth } from "./growth.ts";
import { measureMemory, measureStreams } from "./memory.ts";
import { measurePeers } from "./peers/measure.ts";
import { measurePostgres } from "./postgres/measure.ts";
import { measureRehydration } from "./rehydration.ts";
import { measureRelevance } from "./relevance.ts";
import { type Measurement, met, type Row } from "./row.ts";
import { measureSearch } from "./search-speed.ts";
import { measureStart } from "./start.ts";

const GROUPS: Record<string, Measurement> = {
  calls: measureCalls,
  peers: measurePeers,
  start: measureStart,
  "first-answer": measureFirstAnswer,
  rehydration: measureRehydration,
  memory: measureMemory,
  streams: measureStreams,
  cleanup: measureCleanup,
  growth: measureGrowth,
  search: measureRelevance,
  "search-speed": measureSearch,
  postgres: measurePostgres,
};

const USAGE = `npm run bench [-- group… [--json FILE]]
Groups: ${Object.keys(GROUPS).join(", ")}; without one, all of them.`;

const { values, positionals } = args();
if (values.help === true) {
  console.log(USAGE);
  process.exit();
}
const unknown = positionals.filter((name) => !(name in GROUPS));
if (unknown.length > 0) refuse(`Unknown: ${unknown.join(", ")}.`);

const rows: Row[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(GROUPS)) {
  console.error(`${name} …`);
  for await (const row of GROUPS[name]!()) {
    rows.push(row);
    console.error(`  ${row.what}: ${row.figure.toPrecision(3)}`);
  }
}

const machine = `${cpus().length} × ${cpus()[0]!.model}, ${arch()}, Linux ${release()}, Node ${process.version}`;
console.log(`\n${new Date().toISOString().slice(0, 10)}, ${machine}\n`);
const heads = ["what", "ours", "theirs", "figure", "spread", "wanted", ""];
console.log(markdownTable([heads, ...rows.map(cells)], { align: ["l", "r", "r", "r"] }));
if (values.json !== undefined) {
  const result = { date: new Date().toISOString(), machine, rows };
  writeFileSync(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
}

function args() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { json: { type: "string" }, help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(why: string): never {
  console.error(`${why}\n${USAGE}`);
  process.exit(2);
}

function cells(row: Row): string[] {
  const { what, unit, ours, theirs, figure, spread, reach } = row;
  const number = (value: number): string => String(Number(value.toPrecision(3)));
  const wanted = reach && ("atLeast" in reach ? `≥ ${reach.atLeast}` : `≤ ${reach.atMost}`);
  return [
    what,
    `${number(ours)} ${unit}`,
    theirs === undefined ? "" : `${number(theirs)} ${unit}`,
    figure.toFixed(2),
    spread?.map(number).join(" … ") ?? "",
    wanted ?? "",
    met(row) === undefined ? "" : met(row) ? "met" : "not met",
  ];
}
