// `npm run soak -- [kills] [clients] [--pause] [--clock] [--disk]`: kills the server again and again under clients that
// never restart, cuts their connections at random, and counts. With a flag, a server is also suspended beside a second
// one on its folder, has a wrong clock, or a disk that fails to sync. Figures that must be 0 decide the exit code.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import { Presets, SingleBar } from "cli-progress";
import ms from "ms";
import { databaseFile } from "../../src/storage/admin.ts";
import { introduce, Tally } from "./client.ts";
import { type Fault, FAULTS } from "./faults.ts";
import { type Server, startProxy, startServer } from "./servers.ts";

/** Share of kills that another fault follows. */
const FAULT_SHARE = 0.5;
const DROP_EACH_MS = 300;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pause: { type: "boolean", default: false },
    clock: { type: "boolean", default: false },
    disk: { type: "boolean", default: false },
  },
});
const [kills, clients] = [Number(positionals[0] ?? 200), Number(positionals[1] ?? 16)];
const names = (["pause", "clock", "disk"] as const).filter((name) => values[name]);

const folder = mkdtempSync(join(tmpdir(), "holdfast-soak-"));
/** Set an age, so that a wrong clock finds sessions to delete. */
const env: Record<string, string> = values.clock
  ? { HOLDFAST_MAX_AGE: "30d", HOLDFAST_CLEANUP_INTERVAL: "1s" }
  : {};
const tally = new Tally();
const done: Record<string, number> = { kills: 0, drops: 0 };
let running = true;
let server: Server = await startServer(folder, env);
const second = values.pause ? await startServer(folder, env) : undefined;
const proxy = await startProxy(() => server.port);

const bar = new SingleBar(
  {
    format: "{bar} {value}/{total} kills  {calls} calls  {eta_formatted} left",
    ...{ etaBuffer: 50, noTTYOutput: true, notTTYSchedule: 10_000 },
    formatTime: (seconds) =>
      typeof seconds === "number" ? ms(Math.max(seconds, 1) * 1_000) : "some time",
  },
  Presets.shades_classic,
);

async function killAgainAndAgain(): Promise<void> {
  bar.start(kills, 0, { calls: 0 });
  for (let n = 1; n <= kills; n++) {
    await sleep(200 + Math.random() * 1_000);
    await server.kill();
    done["kills"] = n;
    server = await startServer(folder, env);
    const name = names[Math.floor(Math.random() * names.length)];
    if (name !== undefined && Math.random() < FAULT_SHARE) {
      const fault: Fault = FAULTS[name];
      await fault({ folder, server, servers: second ? [server, second] : [server] });
      done[name] = (done[name] ?? 0) + 1;
    }
    bar.update(n, { calls: tally.calls });
  }
  bar.stop();
}

/** Figures that must be 0, and the database's integrity check. */
function judge(): { zeros: Record<string, number>; integrity: unknown } {
  const database = new Database(databaseFile(folder), { readonly: true });
  const stored = database.prepare("SELECT content FROM messages").pluck().all() as string[];
  const distinct = new Set(stored);
  const open = database.prepare("SELECT count(*) FROM open_requests").pluck().get() as number;
  const integrity = database.pragma("integrity_check", { simple: true });
  database.close();
  const zeros = {
    lost: tally.acknowledged.filter((content) => !distinct.has(content)).length,
    duplicated: stored.length - distinct.size,
    "without outcome": tally.withoutOutcome,
    "still open": open,
    "unknown client": tally.unknownClient,
  };
  return { zeros, integrity };
}

try {
  const introductions = Array.from({ length: clients }, (_, n) =>
    introduce(`${n}`, proxy.url, tally),
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
  const { zeros, integrity } = judge();
  const { calls, interrupted, refused, acknowledged } = tally;
  console.table({
    ...{ ...done, calls, acknowledged: acknowledged.length, interrupted, refused },
    ...{ ...zeros, integrity },
  });
  const isGood = integrity === "ok" && Object.values(zeros).every((count) => count === 0);
  process.exitCode = isGood ? 0 : 1;
} finally {
  running = false;
  for (const one of [server, second]) await one?.kill();
  proxy.close();
  rmSync(folder, { recursive: true, force: true });
}
