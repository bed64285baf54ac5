// Kills the server again and again under clients that never start anew, cuts their connections at random, and counts.
// `npm run soak -- [kills] [clients]`; the three figures that must be 0 decide the exit code.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as dial, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import Database from "better-sqlite3";
import { newId } from "../src/lib/ids.ts";
import { databaseFile } from "../src/storage/storage.ts";

const KILLS = Number(process.argv[2] ?? 200);
const CLIENTS = Number(process.argv[3] ?? 16);
/** A call that has said nothing for so long has no outcome. */
const OUTCOME_MS = Number(process.env["OUT"] ?? 120_000);
const FIXTURE = join(import.meta.dirname, "../test/support/fixture-server.ts");

const folder = mkdtempSync(join(tmpdir(), "holdfast-soak-"));
const figures = {
  kills: 0,
  drops: 0,
  calls: 0,
  acknowledged: 0,
  interrupted: 0,
  refused: 0,
  "without outcome": 0,
};
const acknowledged: string[] = [];
let running = true;

// --- The server, and a proxy in front of it that cuts connections ---

let server: ChildProcess;
let serverPort = 0;
let up = false;

async function start(): Promise<void> {
  server = spawn(process.execPath, [FIXTURE, "0", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  server.stdout!.on("data", (chunk) => {
    const port = /:(\d+)\/mcp/.exec(String(chunk))?.[1];
    if (port !== undefined) resolve(Number(port));
  });
  serverPort = await promise;
  up = true;
}

const sockets = new Set<Socket>();
const proxy = createServer((near) => {
  const far = dial(serverPort, "127.0.0.1");
  sockets.add(near);
  const end = (): void => {
    near.destroy();
    far.destroy();
    sockets.delete(near);
  };
  near.on("error", end).on("close", end);
  far.on("error", end).on("close", end);
  near.pipe(far).pipe(near);
});

function drop(): void {
  const victim = [...sockets][Math.floor(Math.random() * sockets.size)];
  victim?.destroy();
  figures.drops += 1;
}

// --- A client's life: one call after another, whatever happens ---

/** A fetch that notes what went over the wire, to be printed when a call has no outcome. */
function observedFetch(note: (line: string) => void): typeof fetch {
  return async (input, init) => {
    const method = init?.method ?? "GET";
    const lastEventId = new Headers(init?.headers).get("last-event-id");
    const name = `${method}#${newId().slice(-4)}`;
    note(
      `${name} ${lastEventId === null ? "" : `from ${lastEventId} `}${String(init?.body ?? "").slice(0, 160)}`,
    );
    try {
      const response = await fetch(input, init);
      note(`${name} ${response.status}`);
      if (response.body === null) return response;
      const seen = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          note(`${name} << ${JSON.stringify(new TextDecoder().decode(chunk).slice(0, 200))}`);
          controller.enqueue(chunk);
        },
        flush: () => note(`${name} ended`),
      });
      const body = response.body.pipeThrough(seen, { preventAbort: false });
      const { status, statusText, headers } = response;
      return new Response(body, { status, statusText, headers });
    } catch (error) {
      note(
        `${name} failed, server ${up ? "up" : "down"}: ${String((error as Error).cause ?? error)}`,
      );
      throw error;
    }
  };
}

async function live(n: number, url: URL): Promise<void> {
  const client = new Client({ name: `soak-${n}`, version: "1" });
  let trace: string[] = [];
  const note = (line: string): void => {
    if (trace.length < 400) trace.push(`${new Date().toISOString().slice(14, 23)} ${line}`);
  };
  client.onerror = (error) => note(`onerror ${error.message}`);
  const reconnectionOptions = {
    initialReconnectionDelay: 200,
    maxReconnectionDelay: 1_000,
    reconnectionDelayGrowFactor: 1.5,
    maxRetries: 10_000,
  };
  await client.connect(
    new StreamableHTTPClientTransport(url, { reconnectionOptions, fetch: observedFetch(note) }),
  );
  for (let i = 0; running; i++) {
    const content = `${n}/${i}`;
    const kind = Math.random();
    const call =
      kind < 0.6
        ? { name: "history_append", arguments: { role: "user", content } }
        : { name: kind < 0.8 ? "count" : "count_once", arguments: { steps: 4, step_ms: 100 } };
    figures.calls += 1;
    trace = [];
    try {
      const result = await client.callTool(call, {
        timeout: OUTCOME_MS,
        onprogress: () => undefined,
      });
      if (result.isError) {
        if (result._meta?.["interrupted"] === true) figures.interrupted += 1;
        else figures.refused += 1;
        continue;
      }
      figures.acknowledged += 1;
      if (call.name === "history_append") acknowledged.push(content);
    } catch (error) {
      count(error as { code?: unknown });
      if ((error as { code?: unknown }).code === "REQUEST_TIMEOUT") {
        console.error(`client ${n} call ${i} ${JSON.stringify(call)}\n${trace.join("\n")}`);
      }
      await sleep(200); // the connection is down; a person would wait too
    }
  }
  await client.close();
}

function count({ code }: { code?: unknown }): void {
  if (code === "REQUEST_TIMEOUT") figures["without outcome"] += 1;
  else figures.refused += 1; // the connection broke before anything was said: the caller knows
}

// --- The run ---

try {
  await start();
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const url = new URL(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/mcp`);
  const lives = Array.from({ length: CLIENTS }, (_, n) => live(n, url));
  const dropping = setInterval(drop, 300);
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(200 + Math.random() * 1_000);
    const gone = once(server!, "exit");
    up = false;
    server!.kill("SIGKILL");
    await gone;
    figures.kills += 1;
    await start();
    if (process.stdout.isTTY)
      process.stdout.write(`\r${figures.kills} kills, ${figures.calls} calls `);
  }
  clearInterval(dropping);
  running = false;
  await Promise.all(lives);
  const database = new Database(databaseFile(folder), { readonly: true });
  const stored = database.prepare("SELECT content FROM messages").pluck().all() as string[];
  const distinct = new Set(stored);
  const result = {
    ...figures,
    lost: acknowledged.filter((content) => !distinct.has(content)).length,
    duplicated: stored.length - distinct.size,
    "still open": database.prepare("SELECT count(*) FROM open_requests").pluck().get() as number,
    integrity: database.pragma("integrity_check", { simple: true }),
  };
  database.close();
  console.log();
  console.table(result);
  const bad = result.lost + result.duplicated + result["without outcome"] + result["still open"];
  process.exitCode = bad === 0 ? 0 : 1;
} finally {
  running = false;
  server!.kill("SIGKILL");
  proxy.close();
  for (const socket of sockets) socket.destroy();
  rmSync(folder, { recursive: true, force: true });
}
