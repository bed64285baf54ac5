// Inspection of a database without changing it, also beside running servers.
import type { Instance } from "../../../instances/store.ts";
import type { DatabaseServer } from "../../storage.ts";
import { appliedVersion } from "../schema/migrate.ts";
import { migrations } from "../schema/migrations.ts";
import { cannotOpen, openListener } from "../server/pool.ts";

export interface ServerInspection {
  /** `18.4`. */
  version: string;
  /** True for a standby, which cannot be written. */
  isStandby: boolean;
  maxConnections: number;
  /** False where the answer of a commit does not wait for the disk. */
  isDurable: boolean;
  /** The other clock minus this one's, in milliseconds. */
  clockOffsetMs: number;
  /** Absent before the first start. */
  data?: ServerData;
}

export interface ServerData {
  migrations: { applied: number; known: number };
  bytes: number;
  sessions: number;
  messages: number;
  keys: { valid: number; spent: number; passkeys: number };
  instances: Instance[];
}

type Query = <T>(text: string) => Promise<T[]>;

/** @throws AppError `start` for a database that cannot be reached */
export async function inspectServer(
  server: DatabaseServer,
  now: number,
): Promise<ServerInspection> {
  const client = openListener({ url: server.url });
  try {
    await client.connect();
    const query: Query = async <T>(text: string) => (await client.query(text)).rows as T[];
    const [found] = await query<Omit<ServerInspection, "clockOffsetMs"> & { now: number }>(
      `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS "isStandby",
        current_setting('max_connections')::int AS "maxConnections",
        current_setting('fsync')::bool AND current_setting('synchronous_commit') <> 'off' AS "isDurable",
        (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
    );
    const { now: theirs, ...facts } = found!;
    const applied = await appliedVersion(client);
    return {
      ...{ ...facts, clockOffsetMs: Math.round(theirs - now) },
      ...(applied !== null && { data: await dataOf(query, now) }),
    };
  } catch (error) {
    throw cannotOpen(server.url, error);
  } finally {
    await client.end();
  }
}

/** Passkeys that can sign in; none in a database from before there were any. */
async function countPasskeys(query: Query, isValid: string): Promise<number> {
  const [found] = await query<{ name: string | null }>("SELECT to_regclass('passkeys') AS name");
  if (found!.name === null) return 0;
  const [counted] = await query<{ n: number }>(
    `SELECT count(*)::float8 AS n FROM passkeys WHERE key_id IS NULL OR key_id IN
      (SELECT id FROM api_keys WHERE ${isValid})`,
  );
  return counted!.n;
}

async function dataOf(query: Query, now: number): Promise<ServerData> {
  const isValid = `revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${Math.floor(now)})`;
  const [counts] = await query<
    Record<"bytes" | "sessions" | "messages" | "valid" | "all" | "applied", number>
  >(
    `SELECT pg_database_size(current_database())::float8 AS bytes,
      (SELECT count(*) FROM sessions)::float8 AS sessions,
      (SELECT count(*) FROM messages)::float8 AS messages,
      (SELECT count(*) FROM api_keys)::float8 AS all,
      (SELECT count(*) FROM api_keys WHERE ${isValid})::float8 AS valid,
      (SELECT count(*) FROM holdfast_migrations)::float8 AS applied`,
  );
  const { bytes, sessions, messages, valid, all, applied } = counts!;
  const instances = await query<Instance>(
    `SELECT id, host, pid::int, started_at::float8 AS "startedAt", heartbeat_at::float8 AS "heartbeatAt" FROM instances`,
  );
  return {
    ...{ bytes, sessions, messages, instances },
    migrations: { applied, known: migrations.length },
    keys: { valid, spent: all - valid, passkeys: await countPasskeys(query, isValid) },
  };
}
