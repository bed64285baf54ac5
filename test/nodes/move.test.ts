// `holdfast move`: everything goes from a data folder to PostgreSQL and back, and a connected client goes on with the same id.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { move, postgresTarget, sqliteSource, sqliteTarget } from "../../src/storage/moves.ts";
import { command } from "../support/command.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { emptyDatabase, rowCounts, type TestDatabase, wrongAccounts } from "../support/postgres.ts";
import { startServer } from "../support/process.ts";
import { introduce, type RawClient } from "../support/raw.ts";

const TEXT = "Ünïcode 雪が降る and 😀, \u2028 lines";

async function fill(client: RawClient): Promise<void> {
  await client.call("state_set", { key: "fact", value: { deep: [1, null, "ü"], big: 1e21 } });
  for (let n = 1; n <= 5; n += 1)
    await client.call("history_append", {
      role: "user",
      content: `${TEXT} ${n}`,
      request_key: `${n}`,
    });
  await client.call("history_delete", { seqs: [2] });
  await client.call("session_update", { title: "About snow", pinned: true });
}

/** What the client sees of its session. */
async function seen(client: RawClient) {
  const { data: state } = await client.call("state_get", { key: "fact" });
  const { data: history } = await client.call("history_get");
  const { data: found } = await client.call("history_search", { query: "降る" });
  const { data: info } = await client.call("session_info");
  const { title, pinned, client: program } = info;
  return {
    ...{ state, messages: history["messages"], program, title, pinned },
    found: found["hits"].length,
  };
}

it("takes everything to PostgreSQL and back, and a client goes on with its id", async () => {
  const folder = temporaryFolder();
  const first = await serveHere({ folder });
  const client = await introduce(`${first.url}?name=snow`);
  await fill(client);
  const before = await seen(client);
  expect(before).toMatchObject({ found: 4, title: "About snow", pinned: true });
  await first.stop();

  const database = await emptyDatabase();
  const there = await command(["move", "--to", database.url, "--data-dir", folder]);
  expect(there).toMatchObject({ code: 0, stderr: "" });
  expect(there.stdout).toMatch(
    /^1 session and 4 messages are in postgres:\/\/\S+ now; \d+ rows were compared\.\n/,
  );
  expect(there.stdout).not.toContain(new URL(database.url).password);
  expect(await wrongAccounts(database)).toEqual([]);

  const second = await serveHere({ config: { "database-url": database.url } });
  client.url = `${second.url}?name=snow`;
  expect(await seen(client)).toEqual(before);
  // Numbers go on where they were, of messages and of streams.
  expect(
    (await client.call("history_append", { role: "user", content: "later" })).data["seq"],
  ).toBe(6);
  const later = await seen(client);
  await second.stop();

  const back = join(temporaryFolder(), "back");
  const again = await command(["move", "--to", back], {
    env: { HOLDFAST_DATABASE_URL: database.url },
  });
  expect(again).toMatchObject({ code: 0, stderr: "" });
  const third = await serveHere({ folder: back });
  client.url = `${third.url}?name=snow`;
  expect(await seen(client)).toEqual(later);
});

it("refuses what would mix, lose or tear data, and stores nothing then", async () => {
  const folder = temporaryFolder();
  const { stop, url } = await startServer({ folder });
  await fill(await introduce(url));
  const database = await emptyDatabase();
  const move = (...args: string[]) => command(["move", "--to", ...args, "--data-dir", folder]);
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/another process is using it/),
  });
  await stop();
  expect(await move(folder)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/are already/),
  });
  expect(await move(database.url)).toMatchObject({ code: 0 });
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there are conversations here already/),
  });
  const empty = temporaryFolder();
  const nothing = await command(["move", "--to", database.url, "--data-dir", empty]);
  expect(nothing).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/There is no database here/),
  });
});

/** A data folder with one session. */
async function filledFolder(): Promise<string> {
  const folder = temporaryFolder();
  const server = await serveHere({ folder });
  await fill(await introduce(server.url));
  await server.stop();
  return folder;
}

it("takes no misspelt address for the name of a folder, which would show the password", async () => {
  const folder = await filledFolder();
  for (const to of [
    "postgres://ada:s3cret@db.example:99999/x",
    "postgres:/ada:s3cret@db.example/x",
    "postgres:ada:s3cret@db.example/x",
    "postgre://ada:s3cret@db.example/x",
    "host=db.example user=ada password=s3cret",
    "postgres://ada:s3cret@one.example:5432,two.example:5432/x",
    "postgres://ada:s3cret@one.example,two.example/x",
    "postgres://ada:12/s3cret@db.example/x",
    "ada:s3cret@db.example/x",
  ]) {
    const { code, stdout, stderr } = await command(["move", "--to", to, "--data-dir", folder]);
    expect({ to, code, stdout, stderr }).toMatchObject({
      ...{ code: 1, stdout: "" },
      stderr: expect.stringMatching(
        /^holdfast: --to: expected an address of PostgreSQL .+\(hidden\)\n$/,
      ),
    });
    expect(stderr).not.toContain("s3cret");
    expect(existsSync(resolve(to)), to).toBe(false);
  }
});

it("takes an address whose scheme is in capitals", async () => {
  const folder = await filledFolder();
  const { url } = await emptyDatabase();
  const to = url.replace("postgres:", "POSTGRES:");
  expect(await command(["move", "--to", to, "--data-dir", folder])).toMatchObject({ code: 0 });
});

it("moves to a place where a server was only started, and to none where one runs or keeps data", async () => {
  const folder = await filledFolder();
  const database = await emptyDatabase();
  const move = (to: string, env: Record<string, string> = {}) =>
    command(
      ["move", "--to", to, ...("HOLDFAST_DATABASE_URL" in env ? [] : ["--data-dir", folder])],
      {
        env,
      },
    );
  const there = { "database-url": database.url };
  const server = await serveHere({ config: there });
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/1 process uses it/),
  });
  await server.stop();
  await command(["keys", "create", "--principal", "ada", "--database-url", database.url]);
  expect(await move(database.url)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/data \(api keys, audit\) here already/),
  });
  await database.client.query("DELETE FROM api_keys");
  await database.client.query("DELETE FROM audit");
  expect(await move(database.url)).toMatchObject({ code: 0, stderr: "" });

  const back = temporaryFolder();
  const here = await startServer({ folder: back });
  const env = { HOLDFAST_DATABASE_URL: database.url };
  expect(await move(back, env)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/another process is using it/),
  });
  await here.stop();
  expect(await move(back, env)).toMatchObject({ code: 0, stderr: "" });
  expect(await move(back, env)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/there are conversations here already/),
  });
});

/** A database with one session. */
async function filledDatabase(): Promise<TestDatabase> {
  const database = await emptyDatabase();
  const server = await serveHere({ config: { "database-url": database.url } });
  await fill(await introduce(server.url));
  await server.stop();
  return database;
}

it("sees a server on the source also where the clock of the machine that moves is ahead", async () => {
  const { client, url } = await filledDatabase();
  await client.query(
    `INSERT INTO instances (id, host, pid, started_at, heartbeat_at)
      SELECT 'other', 'elsewhere', 1, now, now FROM floor(extract(epoch FROM now()) * 1000) AS now`,
  );
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
  onTestFinished(() => void vi.useRealTimers());
  const moved = await command(["move", "--to", join(temporaryFolder(), "x")], {
    env: { HOLDFAST_DATABASE_URL: url },
  });
  expect(moved).toMatchObject({ code: 1, stderr: expect.stringMatching(/1 process uses it/) });
});

it("finds the tables where the search path does, not where new ones would be made", async () => {
  const { client, url } = await filledDatabase();
  await client.query("CREATE SCHEMA later");
  onTestFinished(async () => void (await client.query("DROP SCHEMA later")));
  const place = new URL(url);
  place.searchParams.set("options", "-c search_path=later,public");
  const moved = await command(["move", "--to", join(temporaryFolder(), "x")], {
    env: { HOLDFAST_DATABASE_URL: place.href },
  });
  expect(moved).toMatchObject({ code: 0, stderr: "" });
});

it("ends with one line where the target is written or lost meanwhile", async () => {
  const { client, url } = await emptyDatabase();
  const cutoffs = { name: "cutoffs", key: ["kind"] };
  const target = await postgresTarget(url);
  onTestFinished(() => target.close());
  const columns = await target.columns(cutoffs);
  const rows = [Object.fromEntries(columns.map((name) => [name, name === "kind" ? "session" : 1]))];
  await client.query(
    `INSERT INTO cutoffs (${columns.join(", ")}) VALUES (${columns.map((name) => (name === "kind" ? "'session'" : "1")).join(", ")})`,
  );
  await expect(target.insert(cutoffs, columns, rows)).rejects.toMatchObject({
    name: "AppError",
    message: expect.stringMatching(/written there meanwhile/),
  });
  const lost = await postgresTarget(url);
  onTestFinished(() => lost.close());
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  await expect(lost.count(cutoffs)).rejects.toMatchObject({ name: "AppError" });
});

it("lets a server that starts on the target meanwhile wait, before it writes anything", async () => {
  const database = await emptyDatabase();
  const target = await postgresTarget(database.url);
  const starting = serveHere({ config: { "database-url": database.url, "max-age": "30d" } });
  const waiting = async (): Promise<number> => {
    const { rows } = await database.client.query(
      "SELECT 1 FROM pg_locks WHERE relation = 'instances'::regclass AND NOT granted",
    );
    return rows.length;
  };
  await expect.poll(waiting, { timeout: 60_000 }).toBeGreaterThan(0);
  expect(await rowCounts(database)).toEqual({});
  await target.close();
  expect((await starting).url).toMatch(/^http/);
});

it("is stopped between folders, too", async () => {
  const [folder, other] = [temporaryFolder(), temporaryFolder()];
  const server = await serveHere({ folder });
  await fill(await introduce(server.url));
  await server.stop();
  await using closing = new AsyncDisposableStack();
  const [source, target] = [sqliteSource(folder), await sqliteTarget(other)];
  for (const end of [source, target]) closing.defer(() => end.close());
  const stopping = new AbortController();
  setImmediate(() => stopping.abort());
  const moving = move(source, target, { signal: stopping.signal });
  await expect(moving).rejects.toMatchObject({ code: "interrupted" });
});
