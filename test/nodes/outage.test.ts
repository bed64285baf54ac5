// A database server that cannot be reached for a while: calls are refused for as long, and the node goes on by itself.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectTo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";
import type pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { defineTool } from "../../src/index.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { AppError } from "../../src/lib/errors.ts";
import { newId } from "../../src/lib/ids.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { DatabaseServer, Storage } from "../../src/storage/storage.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { says, startModel } from "../support/model-server.ts";
import { browserAt } from "../support/plain-browser.ts";
import { listenLocally } from "../support/ports.ts";
import { emptyDatabase } from "../support/postgres.ts";
import { introduce, post, rpc } from "../support/raw.ts";
import { DONE, taskClient } from "../support/tasks.ts";
import { endLine, jsonl, sessionLine } from "../support/transfer.ts";

/** A way to a database that can be broken and mended. */
async function breakable(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let [isWhole, losesCommits, swallows] = [true, false, false];
  const server = createServer((near) => {
    if (!isWhole) return void near.destroy();
    const far = connectTo(Number(target.port), target.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.on("data", (sent: Buffer) => {
      if (swallows) return;
      far.write(sent);
      if (!losesCommits || !sent.includes("COMMIT\0")) return;
      far.unpipe(near); // the answer is lost
      far.once("data", () => near.destroy()).resume();
    });
    far.pipe(near);
  });
  const port = await listenLocally(server);
  onTestFinished(() => void server.close());
  const way = new URL(url);
  way.host = `127.0.0.1:${port}`;
  return {
    url: way.href,
    cut(): void {
      isWhole = false;
      for (const socket of sockets) socket.destroy();
    },
    /** From now on, connections end where a commit is answered. */
    loseCommits(): void {
      losesCommits = true;
    },
    /** From now on, nothing arrives, and no connection ends. */
    swallow(): void {
      swallows = true;
    },
    mend(): void {
      [isWhole, losesCommits, swallows] = [true, false, false];
    },
  };
}

/** The number of statements that wait for a lock. */
async function waiting(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  return rows.length;
}

it("refuses calls while the database is away, and goes on when it is back", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const { url } = await serveHere({ config: { "database-url": database.url } });
  const client = await introduce(`${url}?name=work`);
  await client.call("state_set", { key: "before", value: 1 });
  const ready = async (): Promise<number> => (await fetch(url.replace("/mcp", "/readyz"))).status;
  expect(await ready()).toBe(200);

  database.cut();
  const set = { name: "state_set", arguments: { key: "during", value: 2 } };
  const refused = await client.post(rpc("tools/call", set, 9));
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await refused.text()).toContain("The database does not answer. Try again in a moment.");
  const introduced = await post(
    url,
    rpc("initialize", {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "x", version: "1" },
    }),
  );
  expect(introduced.status).toBe(503);
  expect(await ready()).toBe(503);

  database.mend();
  await expect.poll(ready).toBe(200);
  expect((await client.call("state_set", { key: "after", value: 3 })).isError).toBe(false);
  const { data } = await client.call("state_list");
  expect(data["entries"].map(({ key }: { key: string }) => key)).toEqual(["after", "before"]);
});

it("says so when it is not known whether something was stored", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const server = { url: database.url };
  const storage = await openStorage({
    ...{ folder: undefined, server, durability: "full", clock: systemClock, expiry: {} },
  });
  onTestFinished(() => storage.close());
  const create = async () =>
    (await storage.sessions.create({ id: newId(), owner: "ana" })).session.id;
  const [id, another] = [await create(), await create()];
  const set = (value: string, one = id) =>
    storage.state.set(one, { key: "fact", value, expiresAt: null, maxKeys: 9 });
  await Promise.all([set("1"), set("1", another)]);
  database.loseCommits();
  // A connection that ends before its commit is another case: nothing was stored, and the caller tries again.
  const failureOf = async (one: string): Promise<unknown> => {
    const failed = await set("2", one).then(String, (error: AppError) => error);
    return failed instanceof AppError && failed.code === "busy" ? failureOf(one) : failed;
  };
  const unconfirmed = {
    code: "storage",
    message: "The database did not confirm a write: it may be stored or not.",
  };
  // Together: each of those that share a transaction is told.
  expect(await Promise.all([failureOf(id), failureOf(another)])).toMatchObject([
    unconfirmed,
    unconfirmed,
  ]);
  database.cut();
  const failure = await storage.state.get(id, "a secret").catch((error: unknown) => error);
  expect(inspect(failure)).not.toContain("a secret");
  database.mend();
  for (const one of [id, another])
    expect(await storage.state.get(one, "fact")).toMatchObject({ value: "2", version: 2 });
});

it.each(["a moment", "longer than a run waits for it"])(
  "goes on with a task while whose step the database was away for %s",
  async (time) => {
    const database = await breakable((await emptyDatabase()).url);
    const [cut, ended] = [gate(), gate()];
    const tool = defineTool({
      ...{ name: "works", description: "Works.", task: "required", session: "none" },
      async handler({ task, signal }) {
        await task.step("first", () => "done");
        const by = await task.step("second", () => {
          if (task.attempt > 1) return task.attempt;
          signal.addEventListener("abort", ended.open);
          database.cut();
          cut.open();
          return task.attempt;
        });
        return `second by run ${by}`;
      },
    });
    const { url } = await serveHere({ tools: [tool], config: { "database-url": database.url } });
    const client = taskClient(url);
    const id = await client.begin("works");
    await cut.wait;
    if (time !== "a moment") await ended.wait;
    database.mend();
    expect(await client.until(id, ...DONE)).toMatchObject({
      status: "completed",
      result: { content: [{ text: expect.stringMatching(/^second by run \d$/) as unknown }] },
    });
  },
);

it("answers a call that waits for its task behind an outage, and begins no other one", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const [begun, released] = [gate(), gate()];
  let runs = 0;
  const tool = defineTool({
    ...{ name: "works", description: "Works.", task: "optional", session: "none" },
    async handler({ progress }) {
      runs += 1;
      await progress(1);
      begun.open();
      await released.wait;
      await progress(2); // the call looks
      return "worked";
    },
  });
  const { url } = await serveHere({ tools: [tool], config: { "database-url": database.url } });
  const client = await introduce(url);
  const call = client.call("works");
  await begun.wait;
  database.cut();
  released.open();
  await expect.poll(async () => (await fetch(url.replace("/mcp", "/readyz"))).status).toBe(503);
  database.mend();
  expect((await call).says).toBe("worked");
  expect(runs).toBe(1);
});

it("stores a model's answer that comes while the database is away for a moment", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const released = gate();
  const model = await startModel();
  model.next(says(released.wait, "Kelp."));
  const config = {
    "database-url": database.url,
    ...{ model: "scripted-1", "model-url": model.url },
  };
  const { url } = await serveHere({ config });
  const client = await introduce(url);
  const call = client.call("chat", { prompt: "What grows there?" });
  await model.called(1);
  database.cut();
  await expect.poll(async () => (await fetch(url.replace("/mcp", "/readyz"))).status).toBe(503);
  released.open();
  await setTimeout(100); // it tries to store the answer
  database.mend();
  expect((await call).says).toContain("Kelp.");
  expect((await client.call("history_get")).says).toContain("Kelp.");
});

it("goes on with an import while which the database was away", async () => {
  const { url: direct, client } = await emptyDatabase();
  const database = await breakable(direct);
  const { url } = await serveHere({ config: { "database-url": database.url } });
  const [browser, sessions] = [browserAt(url), 1_000];
  const page = async (): Promise<string> => (await browser.get("/console/import")).text();
  const one = (n: number) => jsonl(sessionLine({ id: newId(), name: null, title: `${n}` }));
  const lines = Array.from({ length: sessions }, (_, n) => `${one(n)}${jsonl(endLine(0, 0))}`);
  await browser.upload(lines.join(""));
  await expect.poll(page).toMatch(/Would import[^]*>Import</);
  await browser.send("/console/import", "/console/import/start");
  const stored = async (): Promise<number> =>
    (await client.query("SELECT 1 FROM sessions")).rows.length;
  await expect.poll(stored, { interval: 5 }).toBeGreaterThan(0);
  database.cut();
  expect(await stored()).toBeLessThan(sessions);
  await expect.poll(async () => (await fetch(url.replace("/mcp", "/readyz"))).status).toBe(503);
  database.mend();
  await expect.poll(page).toContain(`Imported ${sessions} sessions`);
  expect(await stored()).toBe(sessions);
});

it("tells programs that sign in to try again, and not that they are unknown, while the database is away", async () => {
  const database = await breakable((await emptyDatabase()).url);
  const config = { "database-url": database.url, "auth-server": "true" };
  const { url } = await serveHere({ config });
  const ask = async (path: string, params: Record<string, string>): Promise<unknown> => {
    const answer = await fetch(new URL(path, url), {
      method: "POST",
      body: new URLSearchParams(params),
    });
    const { error } = (await answer.json()) as { error: string };
    return [answer.status, error];
  };
  const refresh = { grant_type: "refresh_token", refresh_token: "x", client_id: "y" };
  expect(await ask("/token", refresh)).toEqual([401, "invalid_client"]);
  database.cut();
  expect(await ask("/token", refresh)).toEqual([503, "temporarily_unavailable"]);
  expect(await ask("/revoke", { token: "x", client_id: "y" })).toEqual([
    503,
    "temporarily_unavailable",
  ]);
  const register = await post(new URL("/register", url).href, { redirect_uris: ["http://[::1]/"] });
  expect(register.status).toBe(503);
  expect(await register.json()).toMatchObject({ error: "temporarily_unavailable" });
  database.mend();
  await expect.poll(() => ask("/token", refresh)).toEqual([401, "invalid_client"]);
});

it("waits for a while only for a process that is paused in the middle of a write", async () => {
  const { url, client } = await emptyDatabase();
  const database = await breakable(url);
  const open = async (server: DatabaseServer) => {
    const storage = await openStorage({
      ...{ folder: undefined, server, durability: "full", clock: systemClock, expiry: {} },
    });
    onTestFinished(() => storage.close());
    return storage;
  };
  const [paused, other] = [await open({ url: database.url, lookMs: 600_000 }), await open({ url })];
  const { session } = await other.sessions.create({ id: newId(), owner: "ana" });
  const set = ({ state }: Storage, value: string) =>
    state.set(session.id, { key: "fact", value, expiresAt: null, maxKeys: 9 });
  await set(paused, "1");
  // Its statements have come, and its commit does not: the session is locked.
  await client.query("BEGIN; LOCK TABLE session_state");
  const lost = set(paused, "2").catch((error: unknown) => error);
  await expect.poll(() => waiting(client)).toBe(1);
  database.swallow();
  await client.query("COMMIT");
  expect(await set(other, "3")).toMatchObject({ version: 2 });
  database.cut();
  expect(await lost).toBeInstanceOf(AppError);
  database.mend();
});

it("notices a server from which nothing comes any more, and spares a statement that takes long", async () => {
  const { url, client } = await emptyDatabase();
  const database = await breakable(url);
  const server = { url: database.url, lookMs: 200 };
  const storage = await openStorage({
    ...{ folder: undefined, server, durability: "full", clock: systemClock, expiry: {} },
  });
  onTestFinished(() => storage.close());
  const { session } = await storage.sessions.create({ id: newId(), owner: "ana" });
  const set = (key: string) =>
    storage.state.set(session.id, { key, value: "1", expiresAt: null, maxKeys: 9 });

  // Waits for a lock: silent, and at work.
  await client.query("BEGIN; LOCK TABLE session_state");
  const slow = set("slow");
  await expect.poll(() => waiting(client)).toBe(1);
  await client.query("SELECT pg_sleep(1.2)"); // more than two looks and a probe
  await client.query("COMMIT");
  await slow;

  database.swallow();
  await expect(set("lost")).rejects.toMatchObject({ message: "The database does not answer." });
  database.mend();
  await expect
    .poll(() =>
      set("later").then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  expect(await storage.state.get(session.id, "lost")).toBeUndefined();
});

it.skipIf(process.platform === "win32")(
  "refuses calls as busy while the socket of a database on this machine is gone",
  async () => {
    const target = new URL((await emptyDatabase()).url);
    const folder = temporaryFolder();
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      sockets.add(near.on("error", () => undefined));
      near.pipe(connectTo(Number(target.port), target.hostname)).pipe(near);
    }).listen(join(folder, ".s.PGSQL.5432"));
    await once(server, "listening");
    const { username: user, password, pathname } = target;
    const url = `postgres://${pathname}?${new URLSearchParams({ host: folder, user, password })}`;
    const storage = await openStorage({
      ...{ folder: undefined, server: { url }, durability: "full", clock: systemClock },
      expiry: {},
    });
    onTestFinished(() => storage.close());
    await storage.sessions.create({ id: newId(), owner: "ana" });
    server.close();
    for (const socket of sockets) socket.destroy();
    const create = (): Promise<unknown> => storage.sessions.create({ id: newId(), owner: "ana" });
    for (let n = 0; n < 3; n += 1)
      await expect(create()).rejects.toMatchObject({
        code: "busy",
        message: "The database does not answer.",
      });
  },
);

it("keeps what a defect of the database says from all who listen, and look at tasks", async () => {
  const { url: database, client: tables } = await emptyDatabase();
  const { url } = await serveHere({ config: { "database-url": database } });
  const client = await introduce(url);
  for (const table of ["subscriptions", "tasks"]) {
    await tables.query(`ALTER TABLE ${table} RENAME TO ${table}_gone`);
    onTestFinished(async () => {
      await tables.query(`ALTER TABLE ${table}_gone RENAME TO ${table}`);
    });
  }
  const uri = { uri: "holdfast://sessions" };
  const errors = [
    (await client.ask("resources/subscribe", uri)).messages[0]!["error"] as object,
    (await client.ask("resources/unsubscribe", uri)).messages[0]!["error"] as object,
    (await taskClient(url).ask("tasks/get", { taskId: "x" }))["error"] as object,
  ];
  for (const error of errors)
    expect(error).toMatchObject({
      message: expect.stringMatching(/^Something went wrong/) as unknown,
    });
});

it("takes the longest request ids and uris that it allows, and refuses longer ones", async () => {
  const { url } = await serveHere({ config: { "database-url": (await emptyDatabase()).url } });
  const client = await introduce(url);
  const text = (bytes: number): string => randomBytes(bytes).toString("hex").slice(0, bytes);
  const chat = { name: "chat", arguments: { prompt: "Hi" } };
  const called = await client.post(rpc("tools/call", chat, text(998))); // and its quotes
  expect(await called.text()).toContain('"result"');
  const refused = await client.post(rpc("tools/call", chat, text(999)));
  expect(await refused.text()).toContain("id: at most 1000 bytes.");
  const gone = { session: text(4_000) };
  const deleted = await client.call("session_delete", gone, { "holdfast/request-key": "k" });
  expect(deleted.says).toContain("There is no session");
  const subscribe = async (uri: string) => (await client.ask("resources/subscribe", { uri })).text;
  expect(await subscribe(`x:${text(2_046)}`)).toContain('"result"');
  for (const long of [`x:${text(2_047)}`, `holdfast://sessions/x/state/${"é".repeat(600)}`])
    expect(await subscribe(long)).toContain("uri: at most 2048 bytes.");
});
