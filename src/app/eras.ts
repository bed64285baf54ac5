// Builds both eras of MCP over HTTP, which share the limits and the list of pending responses.
import type { Authenticator } from "../auth/authenticator.ts";
import { ClientAccess } from "../clients/client-access.ts";
import type { Presence } from "../clients/presence.ts";
import type { SessionResolver } from "../clients/session-resolver.ts";
import type { Config } from "../config/config.ts";
import type { Instances } from "../instances/instances.ts";
import type { Activity } from "../lib/activity.ts";
import type { Clock } from "../lib/clock.ts";
import { ConcurrencyLimit } from "../mcp/calls/concurrency-limit.ts";
import { PendingResponses } from "../mcp/calls/in-flight.ts";
import { PassingCalls } from "../mcp/calls/passing-calls.ts";
import { SharedServer } from "../mcp/calls/shared-server.ts";
import { Dispatcher } from "../mcp/legacy/dispatcher.ts";
import { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import { Headerless } from "../mcp/legacy/headerless.ts";
import { LiveClients } from "../mcp/legacy/live-clients.ts";
import { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import { ListenStreams } from "../mcp/modern/listen-streams.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import type { Storage } from "../storage/storage.ts";
import type { Metrics } from "../telemetry/metrics.ts";

export interface EraOptions {
  config: Config;
  mcp: McpServerOptions;
  storage: Storage;
  instances: Instances;
  presence: Presence;
  resolver: SessionResolver;
  authenticator: Authenticator;
  /** Records when clients were last active. */
  activity: Activity;
  clock: Clock;
  metrics: Metrics;
  onError(error: unknown): void;
}

export interface Eras {
  readonly legacy: LegacyEndpoint;
  readonly modern: ModernEndpoint;
  readonly dispatcher: Dispatcher;
  readonly live: LiveClients;
  readonly listens: ListenStreams;
  readonly pending: PendingResponses;
  readonly calls: ConcurrencyLimit;
  readonly openStreams: ConcurrencyLimit;
  /** Close the servers of requests without a client. */
  close(): Promise<void>;
}

/** This process's part of a limit that holds for all processes that serve: equal parts, so that no call asks another one. */
export const part = (limit: number, { serving }: Instances): number => Math.ceil(limit / serving);

export function buildEras({
  config,
  mcp,
  storage,
  instances,
  presence,
  resolver,
  authenticator,
  activity,
  clock,
  metrics,
  onError,
}: EraOptions): Eras {
  const { clients, subscriptions, streams } = storage;
  const calls = new ConcurrencyLimit(
    () => part(config["max-concurrent-calls"], instances),
    "calls",
    "max-concurrent-calls",
    () => metrics.refusals.add("concurrency"),
  );
  const openStreams = new ConcurrencyLimit(
    () => part(config["max-streams"], instances),
    "streams",
    "max-streams",
    () => metrics.refusals.add("streams"),
  );
  const pending = new PendingResponses();
  const servers = {
    modern: new SharedServer(mcp, "modern"),
    legacy: new SharedServer(mcp, "legacy"),
  };
  const passing = (era: "modern" | "legacy"): PassingCalls =>
    new PassingCalls({ server: servers[era], registry: mcp.registry, pending, calls });

  const liveOptions = { ...mcp, streams, maxEvents: config["stream-events"] };
  const live = new LiveClients(liveOptions, storage, config["live-clients"]);
  const legacyOptions = { ...liveOptions, clients, live, presence, pending, calls };
  const dispatcher = new Dispatcher({ ...legacyOptions, instanceId: instances.id });
  const legacy = new LegacyEndpoint({
    ...legacyOptions,
    headerless: config["default-session"] === "own" ? undefined : new Headerless(passing("legacy")),
    clientAccess: new ClientAccess(clients, authenticator),
    dispatcher,
    activity,
    openStreams,
    clock,
    resolver,
  });

  const listens = new ListenStreams({
    info: mcp.info,
    registry: mcp.registry,
    tasks: mcp.tasks,
    clients,
    subscriptions,
    presence,
    resolver,
    openStreams,
    clock,
    onError,
  });
  const modern = new ModernEndpoint({
    calls: passing("modern"),
    listens,
    registry: mcp.registry,
    requestLog: mcp.requestLog,
  });

  return {
    legacy,
    modern,
    dispatcher,
    live,
    listens,
    pending,
    calls,
    openStreams,
    async close() {
      await Promise.all([servers.modern.close(), servers.legacy.close()]);
    },
  };
}
