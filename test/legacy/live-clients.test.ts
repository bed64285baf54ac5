// The clients in memory, below HTTP, where a test can choose the very moment of a request.
import type { JSONRPCRequest } from "@modelcontextprotocol/server";
import { expect, it, onTestFinished } from "vitest";
import { LOCAL } from "../../src/auth/principal.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { JsonResponse } from "../../src/mcp/calls/pending-response.ts";
import { RequestLog } from "../../src/mcp/calls/request-log.ts";
import type { LiveClientOptions } from "../../src/mcp/legacy/live-client.ts";
import { LiveClients } from "../../src/mcp/legacy/live-clients.ts";
import { promptCatalogue, PromptRegistry } from "../../src/prompts/registry.ts";
import { RequestStates } from "../../src/protocol/request-state.ts";
import { SigningKeys } from "../../src/protocol/signing-keys.ts";
import { resourceCatalogue, ResourceRegistry } from "../../src/resources/registry.ts";
import type { Client } from "../../src/sessions/session.ts";
import { openStorage } from "../../src/storage/open.ts";
import { TaskNews } from "../../src/tasks/news.ts";
import { Tasks } from "../../src/tasks/tasks.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { toolCatalogue, ToolRegistry } from "../../src/tools/registry.ts";
import type { SessionServices } from "../../src/tools/session/session-handle.ts";
import { TaskAccess } from "../../src/tools/tasks/task-access.ts";
import { initialize, rpc } from "../support/raw.ts";

const WEEK = 604_800_000; // ms

async function clientsInMemory(maxIdle: number) {
  const expiry = { maxAgeMs: WEEK };
  const storage = await openStorage({
    ...{ folder: undefined, durability: "full", clock: systemClock, expiry },
  });
  const states = new RequestStates(new SigningKeys(storage.signingKeys, systemClock));
  const log = createLogger("silent");
  const noTools = new ToolRegistry(
    toolCatalogue(() => []),
    {} as SessionServices,
    states,
    log,
  );
  const parts: LiveClientOptions = {
    info: { name: "holdfast", title: "Holdfast", version: "0" },
    registry: noTools,
    resources: new ResourceRegistry(
      resourceCatalogue(() => []),
      () => undefined,
    ),
    prompts: new PromptRegistry(
      promptCatalogue(() => []),
      states,
      {} as never,
    ),
    subscriptions: storage.subscriptions,
    tasks: new TaskAccess(new Tasks(storage.tasks, new TaskNews(storage.changes)), () => "read"),
    requestLog: new RequestLog({ registry: noTools, metrics: new Metrics(), log }),
    streams: storage.streams,
    maxEvents: 100,
  };
  const live = new LiveClients(parts, storage, maxIdle);
  onTestFinished(async () => {
    await live.closeAll();
    await storage.close();
  });
  const { clients } = storage;
  const known = new Map<string, Client>();
  /** The stored client of that id. */
  const stored = async (id: string): Promise<Client> => {
    const client = known.get(id) ?? storedClient(id);
    if (!known.has(id)) await clients.create(client);
    known.set(id, client);
    return client;
  };
  return { live, clients, stored };
}

const storedClient = (id: string): Client => ({
  id,
  owner: "local",
  credentials: "none",
  scope: null,
  ownSessionId: id,
  sessionId: null,
  name: "n",
  version: "1",
  protocolVersion: "2025-11-25",
  capabilities: {},
  initialize: { method: "initialize", params: initialize()["params"] },
  logLevel: "error",
  createdAt: 0,
  lastSeenAt: 0,
  presentUntil: 0,
  endedAt: null,
});

it("two requests get the same client, whichever moment of its rehydration the second one hits", async () => {
  const { live, stored } = await clientsInMemory(1);
  const apart: number[] = [];
  for (let moment = 0; moment < 60; moment++) {
    const client = await stored(`client-${moment}`);
    const first = live.use(client);
    for (let step = 0; step < moment; step++) await Promise.resolve();
    const [one, two] = await Promise.all([first, live.use(client)]);
    if (one.live !== two.live) apart.push(moment);
    one.release();
    two.release();
  }
  expect(apart).toEqual([]);
});

it("a client in use is never dropped, an idle one makes room, the least recently used first", async () => {
  const { live, stored } = await clientsInMemory(2);
  const use = async (id: string) => live.use(await stored(id));
  (await use("busy")).release(); // it has been idle before
  const busy = await use("busy");
  const [a, b] = [await use("a"), await use("b")];
  a.release();
  b.release();
  (await use("a")).release(); // now b is the oldest
  (await use("c")).release();
  expect((await use("a")).live).toBe(a.live);
  expect((await use("b")).live).not.toBe(b.live);
  expect((await use("busy")).live).toBe(busy.live);
});

it("a lease that is released twice counts once", async () => {
  const { live, stored } = await clientsInMemory(1);
  const use = async (id: string) => live.use(await stored(id));
  const [one, two] = [await use("x"), await use("x")];
  one.release();
  one.release();
  (await use("y")).release();
  (await use("z")).release();
  expect((await use("x")).live).toBe(two.live);
});

it("a client that ends behind a request's first look answers it, and comes back for no other", async () => {
  const { live, clients, stored } = await clientsInMemory(1);
  const client = await stored("x");
  const lease = await live.use(client);
  await live.end("x");
  await clients.end("x");
  const requests = ["tools/list", "tools/call"].map((method, id) => rpc(method, { name: "a" }, id));
  for (const request of requests as JSONRPCRequest[]) {
    const response = new JsonResponse([request.id], false);
    lease.live.deliver([request], response, { principal: LOCAL, client, requestId: "r" });
    const { body } = (await response.answer) as { body: string };
    expect(body).toContain('"interrupted":true');
  }
  await expect(live.use(client)).rejects.toMatchObject({ code: "unknown_client" });
});
