// Databases of a PostgreSQL server on the disk, with its own settings: synchronous_commit and fsync are on.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { systemClock } from "../../src/lib/clock.ts";
import { openStorage } from "../../src/storage/open.ts";
import { startPostgres } from "../../test/support/postgres-process.ts";
import { cpuMicros } from "../processes.ts";

/** Makes a new database, and resolves to its address. */
export type NewDatabase = () => Promise<string>;

export interface Server extends AsyncDisposable {
  create: NewDatabase;
  /** Processor time of its processes so far, in microseconds. */
  cpu(): Promise<number>;
}

/** A server of its own, stopped when it is disposed of. */
export async function openServer(): Promise<Server> {
  const server = await startPostgres("max_connections=100");
  return {
    async create() {
      const name = `bench_${randomBytes(4).toString("hex")}`;
      await query(server.url, `CREATE DATABASE ${name}`);
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.href;
    },
    async cpu() {
      const processes = await query<{ pid: number }>(
        server.url,
        "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
      );
      return processes.reduce((sum, { pid }) => sum + cpuMicros(pid), 0);
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Resolves to the rows of the last statement. */
async function query<R extends pg.QueryResultRow>(
  url: string,
  ...statements: readonly string[]
): Promise<R[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    let rows: R[] = [];
    for (const statement of statements) ({ rows } = await client.query<R>(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Adds sessions of a thousand principals, each with a client and a key of state, and one message. */
export async function fillDatabase(url: string, sessions: number): Promise<void> {
  const expiry = { maxAgeMs: Infinity };
  const storage = await openStorage({
    ...{ folder: undefined, server: { url }, durability: "full", clock: systemClock, expiry },
  });
  await storage.close();
  const now = Date.now();
  await query(
    url,
    // The triggers would count each row by itself.
    "SET session_replication_role = replica",
    `INSERT INTO sessions (id, owner, title, created_at, last_active_at)
      SELECT gen_random_uuid(), 'owner ' || n % 1000, 'Session ' || n, ${now} - n, ${now} - n FROM generate_series(1, ${sessions}) n`,
    `INSERT INTO clients (id, owner, session_id, name, version, protocol_version, capabilities, initialize, created_at, last_seen_at)
      SELECT gen_random_uuid(), owner, id, 'bench', '1', '2025-11-25', '{}', '{}', ${now}, ${now} FROM sessions`,
    `INSERT INTO session_state (session_id, key, value, version, updated_at)
      SELECT id, 'fact', '"a value"', 1, ${now} FROM sessions`,
    `INSERT INTO messages (session_id, seq, role, content, status, created_at)
      SELECT id, 1, 'user', 'a message about kelp', 'complete', ${now} FROM sessions`,
    `INSERT INTO usage (owner, shard, history_bytes, state_bytes, stored_bytes, program_bytes)
      SELECT owner, 0, history_bytes, state_bytes, stored_bytes, program_bytes FROM usage_measured`,
    "VACUUM ANALYZE",
  );
}
