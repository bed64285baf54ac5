// Start to first answer: an empty file against one with 100,000 sessions, in turn, with the ratio of the medians.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { systemClock } from "../src/kernel/clock.ts";
import { databaseFile, openStorage } from "../src/storage/storage.ts";

const SESSIONS = 100_000;
const MESSAGES_EACH = 10;
const ROUNDS = Number(process.argv[2] ?? 7);
const MAIN = join(import.meta.dirname, "../src/main.ts");

const root = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
const folders = { empty: join(root, "empty"), full: join(root, "full") };

try {
  for (const folder of Object.values(folders)) await prepare(folder);
  console.log(
    `Filling a file with ${SESSIONS} sessions and ${SESSIONS * MESSAGES_EACH} messages …`,
  );
  fill(databaseFile(folders.full));
  const times = { empty: [] as number[], full: [] as number[] };
  for (const folder of Object.values(folders)) await firstAnswer(folder); // warm-up
  for (let round = 0; round < ROUNDS; round++) {
    times.empty.push(await firstAnswer(folders.empty));
    times.full.push(await firstAnswer(folders.full));
  }
  console.table(
    Object.fromEntries(
      Object.entries(times).map(([name, ms]) => [
        name,
        {
          "min ms": Math.round(Math.min(...ms)),
          "median ms": Math.round(median(ms)),
          "max ms": Math.round(Math.max(...ms)),
        },
      ]),
    ),
  );
  console.log(
    `full / empty: ${(median(times.full) / median(times.empty)).toFixed(2)} (medians of ${ROUNDS})`,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}

async function prepare(folder: string): Promise<void> {
  const expiry = { maxAgeMs: Infinity };
  await openStorage({ folder, durability: "normal", clock: systemClock, expiry }).close();
}

function fill(file: string): void {
  const database = new Database(file);
  database.pragma("synchronous = OFF");
  const now = Date.now();
  const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${SESSIONS})`;
  database.exec(`
    BEGIN;
    ${rows} INSERT INTO sessions (id, owner, title, created_at, last_active_at)
      SELECT lower(hex(randomblob(16))), 'local', 'Session ' || i, ${now} - i, ${now} - i FROM n;
    INSERT INTO clients (id, owner, session_id, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
      SELECT lower(hex(randomblob(16))), 'local', id, 'bench', '1', '2025-11-25', '{}', '{}', ${now}, ${now} FROM sessions;
    INSERT INTO session_state (session_id, key, value, version, updated_at)
      SELECT id, 'fact', '"a value"', 1, ${now} FROM sessions;
    WITH RECURSIVE m(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM m WHERE i < ${MESSAGES_EACH})
      INSERT INTO messages (session_id, seq, role, content, status, created_at)
      SELECT s.id, m.i, 'user', 'message number ' || m.i || ' about kelp', 'complete', ${now} FROM sessions s, m;
    COMMIT;`);
  database.pragma("wal_checkpoint(TRUNCATE)");
  database.close();
}

/** Milliseconds from the start of the process to the answer of the first MCP request. */
async function firstAnswer(folder: string): Promise<number> {
  const started = performance.now();
  const server = spawn(process.execPath, [MAIN, "--port", "0", "--data-dir", folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  for await (const chunk of server.stdout) {
    text += String(chunk);
    if (/\/mcp/.test(text)) break;
  }
  const response = await fetch(/listens on (\S+)/.exec(text)![1]!, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "bench", version: "1" },
      },
    }),
  });
  await response.text();
  const ms = performance.now() - started;
  const gone = once(server, "exit");
  server.kill("SIGTERM");
  await gone;
  return ms;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
