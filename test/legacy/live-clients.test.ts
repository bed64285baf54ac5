// The clients in memory, below HTTP, where a test can choose the very moment of a request.
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/lib/clock.ts";
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
import { initialize } from "../support/raw.ts";

const WEEK = 604_800_000; // ms

async function clientsInMemory(maxIdle: number): Promise<LiveClients> {
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
  return live;
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
  const live = await clientsInMemory(1);
  const apart: number[] = [];
  for (let moment = 0; moment < 60; moment++) {
    const client = storedClient(`client-${moment}`);
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
  const live = await clientsInMemory(2);
  const use = (id: string) => live.use(storedClient(id));
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
  const live = await clientsInMemory(1);
  const [one, two] = [await live.use(storedClient("x")), await live.use(storedClient("x"))];
  one.release();
  one.release();
  (await live.use(storedClient("y"))).release();
  (await live.use(storedClient("z"))).release();
  expect((await live.use(storedClient("x"))).live).toBe(two.live);
});
