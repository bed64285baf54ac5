// Databases that Holdfast cannot use: one line says what is wrong and what to do, and nothing is half-made.
import { connect, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { checkServer } from "../../src/cli/doctor/server.ts";
import { loadConfig } from "../../src/config/config.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { AppError } from "../../src/lib/errors.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import { migrate } from "../../src/storage/postgres/schema/migrate.ts";
import { migrations } from "../../src/storage/postgres/schema/migrations.ts";
import { command } from "../support/command.ts";
import { address, newOwner, newRole, PASSWORD } from "../support/database-roles.ts";
import { freePort, listenLocally } from "../support/ports.ts";
import { emptyDatabase, type TestDatabase, withClient } from "../support/postgres.ts";

interface Opening {
  create?: boolean;
  listenUrl?: string;
}

const open = (url: string, { listenUrl, ...more }: Opening = {}) =>
  openStorage({
    ...{ folder: undefined, server: { url, listenUrl } },
    ...{ durability: "full", clock: systemClock, expiry: {} },
    ...more,
  });

/** What the doctor says of it. */
async function problems(url: string, listenUrl?: string): Promise<string[]> {
  const flags = {
    "database-url": url,
    ...(listenUrl !== undefined && { "listen-url": listenUrl }),
  };
  const findings = await checkServer(loadConfig({ flags, env: {} }));
  const failed = findings.filter(({ status }) => status === "fail");
  for (const { says } of failed) expect(says).not.toContain(PASSWORD);
  return failed.map(({ check, says }) => `${check}: ${says}`);
}

/** What a start on this address says. The doctor knows a problem too. */
async function refusal(url: string, more: Opening = {}): Promise<string> {
  const error = await open(url, more).then(
    async (storage) => {
      await storage.close();
      return new Error("The storage was opened.") as AppError;
    },
    (reason: unknown) => reason as AppError,
  );
  const text = `${error.message} ${error.hint ?? ""}`;
  expect(error.name, text).toBe("AppError");
  expect(text).not.toContain(PASSWORD);
  expect(text.split("\n")).toHaveLength(1);
  if (more.create !== false) expect(await problems(url, more.listenUrl)).not.toEqual([]);
  return text;
}

const tablesOf = async ({ client }: TestDatabase): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  return rows.map(({ name }) => name);
};

it("an address where nobody listens, of an unknown database or user", async () => {
  const database = await emptyDatabase();
  const port = String(await freePort());
  expect(await refusal(address(database, { port, password: PASSWORD }))).toContain(
    "nobody listens",
  );
  expect(await refusal(address(database, { pathname: "/nothing" }))).toContain("does not exist");
  expect(await refusal(address(database, { password: PASSWORD }))).toContain(
    "the password is wrong",
  );
});

it("a user without the rights, whose start leaves no table", async () => {
  const database = await emptyDatabase({ fresh: true });
  const username = await newRole(database);
  const url = address(database, { username, password: PASSWORD });
  expect(await refusal(url)).toContain("docs/postgres.md");
  expect(await tablesOf(database)).toEqual([]);
});

it("a user who has no connection left", async () => {
  const database = await emptyDatabase();
  const username = await newRole(database, "CONNECTION LIMIT 0");
  expect(await refusal(address(database, { username, password: PASSWORD }))).toContain("pool-size");
});

it("a database of another program, and one of a newer Holdfast", async () => {
  const database = await emptyDatabase({ fresh: true });
  await database.client.query("CREATE TABLE messages (id int)");
  expect(await refusal(database.url)).toContain("createdb holdfast");
  expect(await tablesOf(database)).toEqual(["messages"]);
  await database.client.query("DROP TABLE messages");
  expect(await refusal(database.url, { create: false })).toContain("no conversations here yet");
  await (await open(database.url)).close();
  const later = Date.UTC(2100, 0);
  await database.client.query(`INSERT INTO holdfast_migrations VALUES (${later}, 'later')`);
  expect(await refusal(database.url)).toContain("newer Holdfast");
});

it("a database that has a view, an index or a function of an equal name, also one that it may not see", async () => {
  const database = await emptyDatabase({ fresh: true });
  const { username, url } = await newOwner(database);
  const of = (kind: string) => `This database has a ${kind} of another program.`;
  const { client } = database;
  await client.query("CREATE VIEW sessions AS SELECT 1 AS id");
  await client.query(`REVOKE ALL ON sessions FROM ${username}`);
  expect(await refusal(url)).toContain(of('view "sessions"'));
  await client.query("DROP VIEW sessions; CREATE TABLE tasks (id int)");
  expect(await refusal(url)).toContain(of('table "tasks"'));
  await client.query("DROP TABLE tasks; CREATE TABLE theirs (id int)");
  await client.query("CREATE INDEX clients_owner ON theirs (id)");
  expect(await refusal(url)).toContain(of('index "clients_owner"'));
  await client.query("DROP TABLE theirs; CREATE TYPE usage AS ENUM ('a')");
  await expect(open(url)).rejects.toMatchObject({ message: of("name that Holdfast needs") });
  expect(await tablesOf(database)).toEqual([]);
});

it("an older database whose tables somebody has changed", async () => {
  const database = await emptyDatabase({ fresh: true });
  await migrate(database.client, migrations.slice(0, 10));
  await database.client.query("DROP TABLE browser_sessions");
  const before = await tablesOf(database);
  await expect(open(database.url)).rejects.toMatchObject({
    name: "AppError",
    message: 'This database cannot be upgraded: relation "browser_sessions" does not exist.',
  });
  expect(await tablesOf(database)).toEqual(before);
});

it("a database in another encoding than UTF-8", async () => {
  const { client, url } = await emptyDatabase({ fresh: true });
  for (const encoding of ["LATIN1", "SQL_ASCII"]) {
    const name = `${new URL(url).pathname.slice(1)}_${encoding.toLowerCase()}`;
    await client.query(
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`,
    );
    const text = await refusal(address({ url }, { pathname: `/${name}` }));
    expect(text).toContain(`encoding is ${encoding}`);
    expect(text).toContain("--encoding=UTF8");
    await client.query(`DROP DATABASE ${name}`);
  }
});

it("a search_path whose schema does not exist", async () => {
  const database = await emptyDatabase();
  const search = `?options=${encodeURIComponent("-c search_path=nowhere")}`;
  expect(await refusal(address(database, { search }))).toContain("search_path");
});

it("a user who may only read is named by the doctor, with what it may not", async () => {
  const database = await emptyDatabase({ fresh: true });
  await (await open(database.url)).close();
  const username = await newRole(database);
  await database.client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${username}`);
  const url = address(database, { username, password: PASSWORD });
  expect(await problems(url)).toEqual([expect.stringMatching(/^rights: .*may not read and write/)]);
  await database.client.query(
    `GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${username}`,
  );
  expect(await problems(url)).toEqual([]);
  // An upgrade changes the tables.
  await database.client.query(
    "DELETE FROM holdfast_migrations WHERE created_at = (SELECT max(created_at) FROM holdfast_migrations)",
  );
  await database.client.query(`GRANT CREATE ON SCHEMA public TO ${username}`);
  expect(await problems(url)).toEqual([expect.stringContaining("which another one owns")]);
});

it("a running process is known as running by a doctor whose clock is wrong", async () => {
  const database = await emptyDatabase();
  const storage = await open(database.url);
  const times = { startedAt: Date.now(), heartbeatAt: Date.now() }; // of the server, which is here
  await storage.instances.heartbeat({ id: newId(), pid: 1, host: "here", ...times, serves: true });
  for (const ms of [-60_000, 0, 60_000]) {
    const config = loadConfig({ flags: { "database-url": database.url }, env: {} });
    const findings = await checkServer(config, Date.now() + ms);
    const { says } = findings.find(({ check }) => check === "processes")!;
    expect(says).toBe("Running: here (1).");
  }
  await storage.close();
});

it("a database that cannot be written", async () => {
  const database = await emptyDatabase({ fresh: true });
  const name = new URL(database.url).pathname.slice(1);
  await database.client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  expect(await refusal(database.url)).toContain("read-only");
  expect(await withClient(database.url, async () => tablesOf(database))).toEqual([]);
  await database.client.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  await (await open(database.url)).close();
  await database.client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  expect(await refusal(database.url)).toContain("default_transaction_read_only");
});

function message(type: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const error = (code: string): Buffer =>
  message("E", Buffer.from(`SERROR\0C${code}\0Mfrom the pooler\0\0`));
const ready = message("Z", Buffer.from("I"));

/** A pooler before a database, with process numbers of its own, that knows a prepared statement of this name already. */
async function transparentPooler(url: string, statement: string): Promise<string> {
  const target = new URL(url);
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const socket of [near, far]) socket.on("error", () => undefined);
    near.on("close", () => far.destroy());
    near.on("data", (sent: Buffer) => {
      if (sent.includes(statement)) near.write(Buffer.concat([error("42P05"), ready]));
      else far.write(sent);
    });
    far.on("data", (sent: Buffer) => {
      const key = sent.indexOf("K\0\0\0\x0c");
      if (key >= 0) sent.writeInt32BE(1, key + 5);
      near.write(sent);
    });
  });
  const port = await listenLocally(server);
  onTestFinished(() => void server.close());
  return address({ url }, { port: String(port) });
}

/** A pooler that answers each packet after the first with an error; with a code, the first one too. */
async function pooler(then: string, atOnce?: string): Promise<{ url: string; first: string[] }> {
  const first: string[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (data) => {
      first.push(data.toString("latin1"));
      if (atOnce !== undefined) return void socket.end(error(atOnce));
      socket.write(Buffer.concat([message("R", Buffer.alloc(4)), ready]));
      socket.on("data", () => socket.write(Buffer.concat([error(then), ready])));
    });
  });
  const port = await listenLocally(server);
  onTestFinished(() => void server.close());
  return { url: `postgres://ada:${PASSWORD}@127.0.0.1:${port}/x`, first };
}

it("a pooler that it is not told of, and one that cannot keep prepared statements apart", async () => {
  const unknown = await pooler("", "08P01");
  expect(await refusal(unknown.url)).toContain("listen-url");
  const known = await pooler("42P05");
  expect(await refusal(known.url, { listenUrl: known.url })).toContain("max_prepared_statements");
  expect(unknown.first[0]).toContain("statement_timeout");
  expect(known.first.join("\n")).not.toContain("statement_timeout");
});

it("a pooler that mixes up prepared statements, also where it lets all parameters pass", async () => {
  const { url } = await emptyDatabase({ fresh: true });
  expect(await refusal(await transparentPooler(url, "holdfast_check"))).toContain(
    "max_prepared_statements",
  );
  await (await open(await transparentPooler(url, "another statement"))).close();
});

it("a text that is no address, and a folder beside an address", async () => {
  const load = (flags: object) => () => loadConfig({ flags, env: {} });
  expect(load({ "database-url": `mysql://ada:${PASSWORD}@host/x` })).toThrow(/postgres:\/\//);
  expect(load({ "database-url": `mysql://ada:${PASSWORD}@host/x` })).not.toThrow(PASSWORD);
  expect(load({ "database-url": "postgres://host/x", "data-dir": "here" })).toThrow(/data-dir/);
  const { code, stderr } = await command(["sessions", "list"], {
    env: { HOLDFAST_DATABASE_URL: `postgres://ada:${PASSWORD}@127.0.0.1:${await freePort()}/x` },
  });
  expect(code).toBe(1);
  expect(stderr).toContain("nobody listens");
  expect(stderr).not.toContain(PASSWORD);
});
