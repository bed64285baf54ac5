// Inspection of a database without changing it, also beside running servers.
import type pg from "pg";
import type { Instance } from "../../../instances/store.ts";
import { AppError } from "../../../lib/errors.ts";
import type { DatabaseServer } from "../../storage.ts";
import { appliedVersion, checkServer, namesOf, refuseForeign } from "../schema/migrate.ts";
import { migrations } from "../schema/migrations.ts";
import { isHeard } from "../server/listener.ts";
import { cannotOpen, checkPooler, openPool } from "../server/pool.ts";

export interface ServerInspection {
  /** `18.4`. */
  version: string;
  /** Of the server, the user or the database. */
  maxConnections: number;
  /** False where the answer of a commit does not wait for the disk. */
  isDurable: boolean;
  /** The other clock minus this one's, in milliseconds. */
  clockOffsetMs: number;
  /** Completes "this user may not …": the server would fail. */
  missingRight: string | undefined;
  /** Whether a notification from `url` arrives at `listenUrl`. */
  listening: { isHeard: boolean; error?: AppError };
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

type ServerFacts = Pick<ServerInspection, "version" | "maxConnections" | "isDurable">;

type Query = <T>(text: string, values?: unknown[]) => Promise<T[]>;

/** @throws AppError `start` for a database on which a server would not start */
export async function inspectServer(
  server: DatabaseServer,
  now: number,
): Promise<ServerInspection> {
  const pool = openPool({ ...server, poolSize: 1 });
  try {
    const client = await pool.connect();
    try {
      return await inspectOn(client, server, now);
    } finally {
      client.release();
    }
  } catch (error) {
    throw cannotOpen(server.url, error);
  } finally {
    await pool.end();
  }
}

async function inspectOn(
  client: pg.ClientBase,
  server: DatabaseServer,
  now: number,
): Promise<ServerInspection> {
  await checkPooler(server, client);
  await checkServer(client);
  const query: Query = async <T>(text: string, values?: unknown[]) =>
    (await client.query(text, values)).rows as T[];
  const [found] = await query<ServerFacts & { now: number }>(
    `SELECT current_setting('server_version') AS version,
      least(current_setting('max_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())) AS "maxConnections",
      current_setting('fsync')::bool AND current_setting('synchronous_commit') <> 'off' AS "isDurable",
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`,
  );
  const { now: theirs, ...facts } = found!;
  const applied = await appliedVersion(client);
  if (applied === null) await refuseForeign(client);
  const isCurrent = applied !== null && applied >= migrations.at(-1)!.createdAt;
  return {
    ...{ ...facts, clockOffsetMs: Math.round(theirs - now) },
    missingRight: await missingRight(query, isCurrent),
    listening: await listeningOf(server, client),
    ...(applied !== null && { data: await dataOf(query, theirs) }),
  };
}

async function listeningOf(
  server: DatabaseServer,
  client: pg.ClientBase,
): Promise<ServerInspection["listening"]> {
  try {
    return { isHeard: await isHeard(server, client) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { isHeard: false, error };
  }
}

/** The first right that the next start and what comes after it need, and this user has not. */
async function missingRight(query: Query, isCurrent: boolean): Promise<string | undefined> {
  if (!isCurrent) {
    const [schema] = await query<{ name: string; isGiven: boolean }>(
      `SELECT current_schema() AS name, has_schema_privilege(current_schema(), 'CREATE') AS "isGiven"`,
    );
    if (!schema!.isGiven) return `create tables in the schema ${schema!.name}`;
  }
  const needed = isCurrent
    ? ["SELECT", "INSERT", "UPDATE", "DELETE"].map((name) => `has_table_privilege(oid, '${name}')`)
    : ["pg_has_role(relowner, 'USAGE')"];
  const [table] = await query<{ name: string }>(
    `SELECT relname AS name FROM unnest($1::text[]) AS known JOIN pg_class ON oid = to_regclass(known)
      WHERE relkind = 'r' AND NOT (${needed.join(" AND ")}) ORDER BY relname LIMIT 1`,
    [namesOf(migrations, "TABLE")],
  );
  if (table === undefined) return undefined;
  return isCurrent
    ? `read and write the table ${table.name}`
    : `change the table ${table.name}, which another one owns`;
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
