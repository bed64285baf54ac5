// Databases for tests, on the server of the run (postgres-server.ts), and a look at what is in them.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject, onTestFinished } from "vitest";

/** The address of a user who may make databases. */
let server: Promise<string> | undefined;
/** Databases that were emptied after their test; files in one worker share them. */
const free: TestDatabase[] = [];

async function serverUrl(): Promise<string> {
  const response = await fetch(inject("postgres"));
  if (!response.ok) throw new Error(await response.text());
  return response.text();
}

/** A database without rows, for one test: its address, and a connection beside the program's. */
export interface TestDatabase {
  url: string;
  client: pg.Client;
}

/** `fresh`: without tables either, as before the first start. */
export async function emptyDatabase({ fresh = false } = {}): Promise<TestDatabase> {
  const maintenance = await (server ??= serverUrl());
  const known = fresh ? undefined : free.pop();
  const database = known ?? (await createDatabase(maintenance));
  if (!fresh)
    onTestFinished(async () => {
      await empty(database.client);
      free.push(database);
    });
  return database;
}

async function createDatabase(maintenance: string): Promise<TestDatabase> {
  const name = `${inject("databasePrefix")}_${randomBytes(4).toString("hex")}`;
  await withClient(maintenance, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(maintenance);
  url.pathname = `/${name}`;
  const client = new pg.Client(url.href);
  client.on("error", () => undefined); // the server stops with the run
  await client.connect();
  return { url: url.href, client };
}

/** Runs queries as a person with a SQL client does. */
export async function withClient<T>(
  url: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

const tables = async (client: pg.Client): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'holdfast_migrations'`,
  );
  return rows.map(({ name }) => name);
};

async function empty(client: pg.Client): Promise<void> {
  const names = await tables(client);
  // The accounts last, because the others' triggers write to them.
  const last = (name: string): number => (name === "usage" ? 1 : 0);
  const ordered = names.toSorted((a, b) => last(a) - last(b));
  await client.query(ordered.map((name) => `DELETE FROM "${name}"`).join(";"));
}

/** An index that a second's timer fills behind the messages, and that a foreign key empties with them. */
const FILLED_LATER = "message_parts";

/**
 * The number of rows of each table; empty tables, accounts that say nothing, and what is filled at some time are left out.
 */
export async function rowCounts({ client }: TestDatabase): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of await tables(client)) {
    if (name === FILLED_LATER) continue;
    const from =
      name === "usage"
        ? "(SELECT owner FROM usage GROUP BY owner HAVING sum(stored_bytes) <> 0) AS kept"
        : `"${name}"`;
    const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${from}`);
    if (Number(rows[0]!.n) > 0) counts[name] = Number(rows[0]!.n);
  }
  return counts;
}

/** Accounts that do not say what is stored. */
export async function wrongAccounts({ client }: TestDatabase): Promise<unknown[]> {
  const { rows } = await client.query({
    name: "wrong accounts", // planned once for all tests of the database: that takes ten times as long as to run it
    text: `SELECT owner, history_bytes, state_bytes, stored_bytes, program_bytes FROM usage_measured
      EXCEPT SELECT owner, sum(history_bytes), sum(state_bytes), sum(stored_bytes), sum(program_bytes)
      FROM usage GROUP BY owner`,
  });
  return rows as unknown[];
}
