// The PostgreSQL server of a test run, for all its files: the one of HOLDFAST_TEST_DATABASE_URL, or one of its own that starts when
// the first test asks for it.
import { randomBytes } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { listenLocally } from "./ports.ts";
import { startPostgres } from "./postgres-process.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Answers with the address of a user who may make databases. */
    postgres: string;
    /** The names of this run's databases begin with it. */
    databasePrefix: string;
  }
}

interface Server {
  url: string;
  stop(): Promise<unknown>;
}

/** Offers the server to the tests; the returned function stops it. */
export async function offerPostgres(project: TestProject): Promise<() => Promise<void>> {
  const prefix = `holdfast_test_${randomBytes(4).toString("hex")}`;
  let server: Promise<Server> | undefined;
  const broker = createHttpServer((_, response) => {
    server ??= start(prefix);
    server.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  const port = await listenLocally(broker);
  project.provide("postgres", `http://127.0.0.1:${port}`);
  project.provide("databasePrefix", prefix);
  return async () => {
    broker.close();
    await (await server?.catch(() => undefined))?.stop();
  };
}

async function start(prefix: string): Promise<Server> {
  const given = process.env["HOLDFAST_TEST_DATABASE_URL"];
  // Nobody cuts the machine's power in a test.
  return given === undefined
    ? startPostgres("fsync=off", "max_connections=200")
    : { url: given, stop: () => dropAll(given, prefix) };
}

async function dropAll(url: string, prefix: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)",
    [prefix],
  );
  for (const { name } of rows) await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await client.end();
}
