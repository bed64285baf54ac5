// `npm run soak -- [kills] [clients] [--pause] [--clock] [--disk]`: kills the server again and again under clients that
// never restart, cuts their connections at random, and counts. With a flag, a server is also suspended beside a second
// one on its folder, has a wrong clock, or a disk that fails to sync. `--postgres`: kills one of three servers on one database,
// behind a load balancer; `--restart`, in place of `--disk`, restarts or crashes PostgreSQL itself. `--faults 0.1`: so large a part
// of the kills is followed by another fault (default 0.5; a pause takes half a minute). Figures that must be 0 decide the exit code.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Presets, SingleBar } from "cli-progress";
import ms from "ms";
import { startBalancer } from "../../test/support/balancer.ts";
import { introduce, Tally } from "./client.ts";
import { type Fault, FAULTS } from "./faults.ts";
import { folderPlace, postgresPlace } from "./places.ts";
import { type Server, startProxy, startServer } from "./servers.ts";

const DROP_EACH_MS = 300;
/** Servers on one database. */
const NODES = 3;

const flag = { type: "boolean", default: false } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ postgres: flag, pause: flag, clock: flag, disk: flag, restart: flag },
    faults: { type: "string", default: "0.5" },
  },
});
const faultShare = Number(values.faults);
if (!(faultShare >= 0 && faultShare <= 1)) {
  console.error("--faults is a part of the kills, from 0 to 1.");
  process.exit(2);
}
if (values.postgres ? values.disk : values.restart) {
  console.error("--disk is for data folders, and --restart for --postgres.");
  process.exit(2);
}
const [kills, clients] = [Number(positionals[0] ?? 200), Number(positionals[1] ?? 16)];
const names = (["pause", "clock", "disk", "restart"] as const).filter((name) => values[name]);

const place = values.postgres ? await postgresPlace() : folderPlace();
/** Set an age, so that a wrong clock finds sessions to delete. */
const env: Record<string, string> = values.clock
  ? { HOLDFAST_MAX_AGE: "30d", HOLDFAST_CLEANUP_INTERVAL: "1s" }
  : {};
const tally = new Tally();
const done: Record<string, number> = { kills: 0, drops: 0 };
let running = true;
/** Those that clients talk to, and a second one on a folder. */
const servers: Server[] = [];
for (let n = 0; n < (values.postgres ? NODES : 1); n++)
  servers.push(await startServer(place.at, env));
const second = values.pause && !values.postgres ? await startServer(place.at, env) : undefined;
const addressOf = ({ port }: Server): string => `http://127.0.0.1:${port}/mcp`;
/** Those that the load balancer takes for alive. */
const addresses = servers.map(addressOf);
const proxy = values.postgres
  ? await startBalancer(addresses)
  : await startProxy(() => servers[0]!.port);

const bar = new SingleBar(
  {
    format: "{bar} {value}/{total} kills  {calls} calls  {eta_formatted} left",
    ...{ etaBuffer: 50, noTTYOutput: true, notTTYSchedule: 10_000 },
    formatTime: (seconds) =>
      typeof seconds === "number" ? ms(Math.max(seconds, 1) * 1_000) : "some time",
  },
  Presets.shades_classic,
);

const someIndex = (): number => Math.floor(Math.random() * servers.length);

async function killAgainAndAgain(): Promise<void> {
  bar.start(kills, 0, { calls: 0 });
  for (let n = 1; n <= kills; n++) {
    await sleep(200 + Math.random() * 1_000);
    const victim = someIndex();
    await servers[victim]!.kill();
    done["kills"] = n;
    servers[victim] = await startServer(place.at, env);
    addresses[victim] = addressOf(servers[victim]);
    const name = names[Math.floor(Math.random() * names.length)];
    if (name !== undefined && Math.random() < faultShare) {
      const fault: Fault = FAULTS[name];
      const server = servers[someIndex()]!;
      await fault({ place, server, servers: second ? [server, second] : servers, leaveOut });
      done[name] = (done[name] ?? 0) + 1;
    }
    bar.update(n, { calls: tally.calls });
  }
  bar.stop();
}

/** On a folder, the proxy goes on: its only server hangs. */
function leaveOut(server: Server): () => void {
  const at = addresses.indexOf(addressOf(server));
  if (!("cut" in proxy)) return () => undefined;
  addresses.splice(at, 1);
  proxy.cut();
  return () => void addresses.splice(at, 0, addressOf(server));
}

/** Figures that must be 0, and the database's integrity check. */
async function judge(): Promise<{ zeros: Record<string, number>; integrity: unknown }> {
  const { messages, openRequests, integrity } = await place.inspect();
  const distinct = new Set(messages);
  const zeros = {
    lost: tally.acknowledged.filter((content) => !distinct.has(content)).length,
    duplicated: messages.length - distinct.size,
    "without outcome": tally.withoutOutcome,
    "still open": openRequests,
    "unknown client": tally.unknownClient,
  };
  return { zeros, integrity };
}

try {
  const introductions = Array.from({ length: clients }, (_, n) =>
    introduce(`${n}`, new URL(proxy.url), tally),
  );
  const lives = (await Promise.all(introductions)).map((live) => live(() => running));
  const dropping = setInterval(() => {
    proxy.drop();
    done["drops"]! += 1;
  }, DROP_EACH_MS);
  await killAgainAndAgain();
  clearInterval(dropping);
  running = false;
  await Promise.all(lives);
  const { zeros, integrity } = await judge();
  const { calls, interrupted, refused, acknowledged } = tally;
  console.table({
    ...{ ...done, calls, acknowledged: acknowledged.length, interrupted, refused },
    ...{ ...zeros, integrity },
  });
  const isGood = integrity === "ok" && Object.values(zeros).every((count) => count === 0);
  process.exitCode = isGood ? 0 : 1;
} finally {
  running = false;
  for (const one of [...servers, second]) await one?.kill();
  proxy.close();
  await place.close();
}
