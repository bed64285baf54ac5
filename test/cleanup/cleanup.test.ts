// Cleanup deletes what has expired, in small batches, and never what somebody is connected to.
import { describe, expect, it, onTestFinished } from "vitest";
import { Cleanup } from "../../src/jobs/cleanup.ts";
import { openStorage } from "../../src/storage/open.ts";
import { MAX_AGE, newClient, newSession, put, say } from "../contract/engine.ts";
import { connect, type TestClient } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { commitsInLog, findDamage, openDatabase, rowCounts } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { startServer } from "../support/process.ts";

async function openJob() {
  const [folder, clock] = [temporaryFolder(), new ManualClock()];
  const expiry = { maxAgeMs: MAX_AGE };
  const storage = await openStorage({ folder, durability: "normal", clock, expiry });
  onTestFinished(() => storage.close());
  const { sessions, clients, state } = storage;
  const retention = new Cleanup({ sessions, clients, keys: state }, (error) => {
    throw error;
  });
  onTestFinished(() => retention.stop());
  return { storage, clock, retention, folder, database: openDatabase(folder, { readonly: false }) };
}

type Job = Awaited<ReturnType<typeof openJob>>;

async function oldSessions({ storage, clock }: Job, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      const { id } = await newSession(storage);
      await say(storage, id, "goes");
      await put(storage, id, "goes");
    }),
  );
  clock.advance(MAX_AGE);
}

describe("the cleanup job", () => {
  it("deletes all expired sessions; pinned, used and connected ones stay with all they own", async () => {
    const job = await openJob();
    const { storage, clock, retention, database } = job;
    const [pinned, connected, used] = [
      await newSession(storage, { name: "pinned" }),
      await newSession(storage, { name: "connected" }),
      await newSession(storage, { name: "used" }),
    ];
    await storage.sessions.update(pinned.id, { pinned: true });
    const kept = [pinned, connected, used];
    for (const { id } of kept) {
      await say(storage, id, "stays");
      await put(storage, id, "stays");
    }
    await oldSessions(job, 120);
    await newClient(job, { sessionId: connected.id });
    await storage.sessions.touch(new Map([[used.id, clock.now()]]));

    expect(await retention.run()).toEqual({ sessions: 120, clients: 0, keys: 0 });
    expect(rowCounts(database)).toEqual({
      ...{ sessions: 3, clients: 1, messages: 3, session_state: 3, messages_fts_docsize: 3 },
      usage: 1,
    });
    for (const { id } of kept) {
      expect((await storage.history.page(id, { limit: 9 })).messages).toMatchObject([
        { content: "stays" },
      ]);
      expect(await storage.state.get(id, "stays")).toMatchObject({ version: 1 });
    }
    expect(await retention.run()).toEqual({ sessions: 0, clients: 0, keys: 0 });
    expect(findDamage(database)).toEqual([]);
  });

  it("works in batches, between which other writes are committed", async () => {
    const job = await openJob();
    const { storage, retention, database } = job;
    /** Rows left at the commit of the first write after which some are gone; one of 301 stays. */
    const leftHalfWay = async (): Promise<number> => {
      await oldSessions(job, 300);
      const { id } = await newSession(storage);
      const running = retention.run();
      let said = 0;
      let left: number;
      do {
        await say(storage, id, "meanwhile");
        said += 1;
        left = rowCounts(database)["sessions"]!;
      } while (left > 300);
      await running;
      expect(rowCounts(database)).toMatchObject({ sessions: 1, messages: said });
      return left;
    };
    // On a busy machine a write may take as long as the whole job.
    let left = 1;
    for (let attempts = 0; left === 1 && attempts < 10; attempts += 1) left = await leftHalfWay();
    expect(left).toBeGreaterThan(1);
  });

  it("deletes expired keys and clients that ended or were not seen again", async () => {
    const job = await openJob();
    const { storage, clock, retention, database } = job;
    await newClient(job);
    clock.advance(MAX_AGE);
    const { id } = await newSession(storage);
    await storage.clients.end((await newClient(job, { sessionId: id })).id);
    const living = await newClient(job, { sessionId: id });
    const expiresAt = clock.now() + 10;
    for (let n = 0; n < 60; n += 1)
      await storage.state.set(id, { key: `${n}`, value: "1", expiresAt, maxKeys: 99 });
    await put(storage, id, "stays");
    clock.advance(10);
    const counts = { sessions: 0, clients: 2, keys: 60 };
    expect(await retention.preview()).toEqual(counts);
    expect(await retention.run()).toEqual(counts);
    expect(rowCounts(database)).toEqual({ sessions: 1, clients: 1, session_state: 1, usage: 1 });
    expect(await storage.clients.find("ana", living.id)).toEqual(living);
  });

  it("deletes nothing in a preview, however often", async () => {
    const job = await openJob();
    const { storage, retention, database, folder } = job;
    await oldSessions(job, 120);
    await storage.clients.end((await newClient(job)).id);
    const [before, commits] = [rowCounts(database), commitsInLog(folder)];
    const counts = { sessions: 120, clients: 1, keys: 0 };
    expect(await retention.preview()).toEqual(counts);
    expect(await retention.preview()).toEqual(counts);
    expect(rowCounts(database)).toEqual(before);
    expect(commitsInLog(folder)).toBe(commits);
  });

  it("runs at once when it is started, again and again, and no more once it is stopped", async () => {
    const job = await openJob();
    const { storage, retention, database } = job;
    await oldSessions(job, 300);
    retention.start(10);
    await expect.poll(() => rowCounts(database)).toEqual({});
    await oldSessions(job, 300);
    await expect.poll(() => rowCounts(database)).toEqual({});
    await retention.stop();
    await oldSessions(job, 1);
    expect(await retention.run()).toEqual({ sessions: 0, clients: 0, keys: 0 });
    expect(await storage.sessions.countExpired()).toBe(1);
  });
});

/** Makes all of a running server's sessions but those in `except` look unused for `days`. */
function makeOld(folder: string, days: number, except: readonly string[] = []): void {
  openDatabase(folder, { readonly: false })
    .prepare(
      `UPDATE sessions SET last_active_at = last_active_at - ? * 86400000
        WHERE id NOT IN (SELECT value FROM json_each(?))`,
    )
    .run(days, JSON.stringify(except));
}

const cleanup = (folder: string, ...flags: string[]) =>
  command(["cleanup", "--data-dir", folder, ...flags]);

const isThere = async (client: TestClient, session: string) =>
  !(await client.call("session_info", { session })).isError;

/** A standalone stream of the client; resolves when the server has opened it. */
async function openStream(url: string, clientId: string): Promise<() => void> {
  const controller = new AbortController();
  const { signal } = controller;
  onTestFinished(() => controller.abort());
  const headers = { accept: "text/event-stream", "mcp-session-id": clientId };
  expect((await fetch(url, { headers, signal })).status).toBe(200);
  return () => controller.abort();
}

describe("holdfast cleanup", () => {
  it("deletes what has expired beside a running server, and with --dry-run only says so", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: ["--max-age", "30d"] });
    const client = await connect("v2", server);
    await client.call("state_set", { key: "own", value: 1 });
    const open = async (args: object) =>
      (await client.call("session_open", { ...args })).data.session as string;
    const [fresh, pinned, old] = [await open({}), await open({}), await open({ name: "old" })];
    await client.call("session_update", { session: pinned, pinned: true });
    await client.call("history_append", { session: old, role: "user", content: "goes" });
    await client.call("state_set", { session: fresh, key: "k", value: 1, ttl_seconds: 1 });
    const gone = await connect("v2", server);
    await fetch(server.url, { method: "DELETE", headers: { "mcp-session-id": gone.id! } });
    makeOld(folder, 31, [fresh]);
    const database = openDatabase(folder, { readonly: false });
    database.exec("UPDATE session_state SET expires_at = 1 WHERE expires_at IS NOT NULL");

    const before = rowCounts(database);
    const counts = "1 session, 1 client, and 1 state key.\n";
    const wouldDo = { code: 0, stdout: `Would delete ${counts}`, stderr: "" };
    const age = ["--max-age", "30d"];
    expect(await cleanup(folder, ...age, "--dry-run")).toEqual(wouldDo);
    expect(rowCounts(database)).toEqual(before);
    expect(JSON.parse((await cleanup(folder, ...age, "--dry-run", "--json")).stdout)).toMatchObject(
      {
        dry_run: true,
        expired: { session: 1, client: 1, state_key: 1, stream: 0 },
      },
    );
    expect(await cleanup(folder, ...age)).toEqual({ ...wouldDo, stdout: `Deleted ${counts}` });
    expect(rowCounts(database)).toEqual({
      sessions: 3,
      clients: 1,
      session_state: 1,
      usage: 1,
      ...{ instances: 1, leases: 1 },
      streams: 1,
      audit: 4,
      connections: 1,
      ...{ cutoffs: 3, retention: 1 },
    });
    expect((await cleanup(folder, ...age)).stdout).toBe("Nothing has expired.\n");

    expect(await isThere(client, old)).toBe(false);
    expect(await isThere(client, fresh)).toBe(true);
    expect(await isThere(client, pinned)).toBe(true);
    expect((await client.call("state_get", { key: "own" })).data.found).toBe(true);
    expect(await open({ name: "old" })).not.toBe(old);
    expect(findDamage(database)).toEqual([]);
  });

  it("with a tiny --max-age spares whoever is connected to a server that keeps things longer", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const client = await connect("v2", server);
    await client.call("state_set", { key: "k", value: 1 });
    await openStream(server.url, client.id!);
    await client.call("session_open", { name: "nobody's" });
    makeOld(folder, 1);
    // A server notes its connected clients as seen every 30 s: this one was noted 20 s ago.
    openDatabase(folder, { readonly: false }).exec(
      "UPDATE clients SET last_seen_at = last_seen_at - 20000",
    );
    const { stdout } = await cleanup(folder, "--max-age", "2s");
    expect(stdout).toBe("Deleted 1 session.\n");
    expect((await client.call("state_get", { key: "k" })).data).toMatchObject({ found: true });
  });
});

describe("with a maximum age of 2 s", () => {
  const flags = ["--max-age", "2s", "--cleanup-interval", "50ms"];

  /** The client's own session, and the event that another one, made later and used by nobody, was cleaned up. */
  async function ownSession(client: TestClient, folder: string) {
    const { session } = (await client.call("state_set", { key: "k", value: 1 })).data;
    const stored = openDatabase(folder)
      .prepare("SELECT count(*) FROM sessions WHERE id = ?")
      .pluck();
    const isStored = (id: string) => stored.get(id) === 1;
    return {
      isStored: () => isStored(session as string),
      async outliveAnother() {
        const other = (await client.call("session_open")).data.session as string;
        expect(isStored(other)).toBe(true);
        await expect.poll(() => isStored(other)).toBe(false);
      },
    };
  }

  it("a session stays while a stream of its client is open, and goes when that has closed", async () => {
    const folder = temporaryFolder();
    const server = await startServer({ folder, args: flags });
    const client = await connect("v2", server);
    const own = await ownSession(client, folder);
    const closeStream = await openStream(server.url, client.id!);
    await own.outliveAnother();
    await own.outliveAnother();
    expect(own.isStored()).toBe(true);
    expect((await client.call("state_get", { key: "k" })).data.found).toBe(true);
    await client.close();
    closeStream();
    await expect.poll(own.isStored).toBe(false);
  });

  it("a session stays while its client is connected over stdio, and goes when that has left", async () => {
    const folder = temporaryFolder();
    await startServer({ folder, args: flags });
    const client = await connect("v2", { stdio: ["--data-dir", folder, ...flags] });
    const own = await ownSession(client, folder);
    await own.outliveAnother();
    await own.outliveAnother();
    expect(own.isStored()).toBe(true);
    await client.close();
    await expect.poll(own.isStored).toBe(false);
  });

  it("a session that was deleted and begun anew over stdio stays too", async () => {
    const folder = temporaryFolder();
    const client = await connect("v2", { stdio: ["--data-dir", folder, ...flags] });
    await client.call("state_set", { key: "k", value: 1 });
    await client.call("session_delete");
    const own = await ownSession(client, folder);
    await own.outliveAnother();
    expect(own.isStored()).toBe(true);
  });
});
