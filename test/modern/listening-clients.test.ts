// The client behind a `subscriptions/listen` of 2026-07-28: it is there while somebody listens, and nobody comes back to it.
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConnectedClients } from "../../src/clients/connected-clients.ts";
import { Presence } from "../../src/clients/presence.ts";
import { newId } from "../../src/lib/ids.ts";
import { ConcurrencyLimit } from "../../src/mcp/calls/concurrency-limit.ts";
import { ListenStreams } from "../../src/mcp/modern/listen-streams.ts";
import type { ClientStore } from "../../src/sessions/store.ts";
import { openStorage } from "../../src/storage/open.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import { Tasks } from "../../src/tasks/tasks.ts";
import { TaskAccess } from "../../src/tools/tasks/task-access.ts";
import { connect } from "../support/clients.ts";
import { command } from "../support/command.ts";
import { openDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/folder.ts";
import { gate, serveHere } from "../support/here.ts";
import { acknowledged, completed, listen, updated, uriOf, WAIT } from "../support/listening.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { modernRequest } from "../support/modern.ts";
import { startServer } from "../support/process.ts";
import { read } from "../support/raw.ts";
import { rows } from "../support/rows.ts";

describe("the client row behind a listen stream", () => {
  const living = (folder: string) =>
    rows(folder, "SELECT name FROM clients WHERE ended_at IS NULL");
  const wanted = { resourceSubscriptions: [uriOf("k")] };

  it("outlives a cleanup while the stream is open, ends with it, and is gone after the next", async () => {
    const { url, folder } = await serveHere();
    const cleanup = async () => (await command(["cleanup", "--data-dir", folder])).stdout;
    await cleanup();
    const stream = await listen(url, wanted);
    expect(await cleanup()).toBe("Nothing has expired.\n");
    expect(living(folder)).toEqual([{ name: "raw-client" }]);
    stream.leave();
    await expect.poll(() => living(folder), WAIT).toEqual([]);
    expect(await cleanup()).toBe("Deleted 1 client.\n");
    expect(rows(folder, "SELECT * FROM clients")).toEqual([]);
    expect(rows(folder, "SELECT * FROM subscriptions")).toEqual([]);
  });

  it("ends with a stream that has nothing to tell", async () => {
    const { url, folder } = await serveHere();
    const stream = await listen(url, {});
    while ((await stream.next()) !== undefined);
    await expect.poll(() => living(folder), WAIT).toEqual([]);
  });

  it("ends with the pipe over stdio", async () => {
    const folder = temporaryFolder();
    const client = await connect("pinned", { stdio: ["--data-dir", folder] });
    await client.call("session_open");
    await client.follow(uriOf("k"));
    expect(living(folder)).toEqual([{ name: "test-client" }]);
    await client.close();
    await expect.poll(() => living(folder), WAIT).toEqual([]);
  });

  it("is there from its first moment: a cleanup right after it was made does not take it", async () => {
    const { open, listens, storage } = await listensWith(({ create, deleteExpired }) => ({
      async create(...client) {
        await create(...client);
        expect(await deleteExpired()).toBe(0);
      },
    }));
    const answer = await open([uriOf("k")]);
    expect(listens.connectedIds).toHaveLength(1);
    expect(await storage.clients.deleteExpired()).toBe(0);
    const news = { owner: "ana", by: undefined, uris: [uriOf("k")] };
    expect(await storage.subscriptions.subscribers([news])).toMatchObject([
      { clientId: listens.connectedIds[0], uri: uriOf("k") },
    ]);
    await answer.body!.cancel();
  });

  it("is nobody's after SIGKILL: it is told nothing, and goes with the first cleanup", async () => {
    const folder = temporaryFolder();
    const killed = await startServer({ folder });
    const writer = await connect("pinned", await startServer({ folder }));
    const session = (await writer.call("session_open")).data.session as string;
    const stream = await listen(killed.url, { resourceSubscriptions: [uriOf("k", session)] });
    await stream.next();
    await writer.call("state_set", { session, key: "k", value: 1 });
    expect(await stream.next()).toEqual(updated(uriOf("k", session)));
    await killed.kill();
    await expect.poll(() => rows(folder, "SELECT id FROM instances").length, WAIT).toBe(1);
    // Its time passes.
    const [{ until }] = rows(folder, "SELECT present_until AS until FROM clients") as [
      { until: number },
    ];
    expect(until).toBeGreaterThan(Date.now());
    expect(until).toBeLessThan(Date.now() + 3 * 60_000);
    openDatabase(folder, { readonly: false }).exec("UPDATE clients SET present_until = 1");
    await writer.call("state_set", { session, key: "k", value: 2 });
    expect(rows(folder, "SELECT * FROM outbox")).toEqual([]);
    const { stdout } = await command(["cleanup", "--data-dir", folder]);
    expect(stdout).toBe("Deleted 1 client.\n");
    expect(rows(folder, "SELECT * FROM subscriptions")).toEqual([]);
  });
});

describe("a stop", () => {
  it("completes a listen stream that is only just opening", async () => {
    const opening = gate();
    const { open, listens } = await listensWith(({ create }) => ({
      create: (...client) => create(...client).then(() => opening.wait),
    }));
    const answer = open([uriOf("k")]);
    listens.close();
    opening.open();
    const { messages } = await read(await answer);
    expect(messages).toMatchObject([
      acknowledged({ resourceSubscriptions: [uriOf("k")] }),
      completed(),
    ]);
  });
});

/** Listen streams of Ana's, with no server around them, on a storage whose clients are kept another way. */
async function listensWith(change: (clients: ClientStore) => Partial<ClientStore>) {
  const clock = new ManualClock();
  const expiry = { maxAgeMs: 30 * 24 * 3_600_000 };
  const storage = await openStorage({
    ...{ folder: undefined, durability: "normal", clock, expiry },
    streamGraceMs: 1_000,
  });
  onTestFinished(() => storage.close());
  const clients = { ...storage.clients, ...change(storage.clients) };
  const fail = (error: unknown): never => {
    throw error;
  };
  const connected = new ConnectedClients(clock, newId(), clients, fail);
  onTestFinished(() => connected.close());
  const presence = new Presence(clock, expiry.maxAgeMs, clients, connected, fail);
  onTestFinished(() => presence.close());
  const listens = new ListenStreams({
    ...{ info: { name: "s", title: "S", version: "1" }, clients, presence, clock },
    ...{
      openStreams: new ConcurrencyLimit(() => 99, "streams", "max-streams"),
      registry: { changes: false },
    },
    tasks: new TaskAccess(new Tasks(storage.tasks, new TaskNews(storage.changes)), () => "read"),
    resolver: { peek: async () => undefined },
    ...{ subscriptions: storage.subscriptions, onError: fail },
  });
  return {
    ...{ storage, listens },
    async open(uris: readonly string[]): Promise<Response> {
      const params = { notifications: { resourceSubscriptions: uris } };
      const request = modernRequest("subscriptions/listen", params, { id: "news" });
      const caller = { principal: { id: "ana" }, client: undefined, target: undefined };
      const { stream } = await listens.open(request as JSONRPCRequest, caller);
      return new Response(stream.body, { headers: { "content-type": "text/event-stream" } });
    },
  };
}
