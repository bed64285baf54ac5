// The composition of everything that speaks HTTP: authentication, both protocol eras, the routes, the socket.
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiKeys } from "../auth/api-keys.ts";
import { Authenticator } from "../auth/authenticator.ts";
import type { IssuerEvents } from "../auth/issuer-keys.ts";
import { AccessTokens } from "../auth/oauth.ts";
import type { Config } from "../config/config.ts";
import { OpenConnections } from "../http/limits/connections.ts";
import { inheritedSocket, listen, type Listener } from "../http/listen.ts";
import { openings, refuseOpenings } from "../http/open-network.ts";
import { ProtectedResource } from "../http/access/protected-resource.ts";
import { StreamCredentials } from "../http/access/stream-credentials.ts";
import { createRoutes } from "../http/routes.ts";
import type { Instances } from "../instances/instances.ts";
import type { Clock } from "../lib/clock.ts";
import { isLoopback } from "../lib/loopback.ts";
import { Dispatcher } from "../mcp/legacy/dispatcher.ts";
import { Headerless } from "../mcp/legacy/headerless.ts";
import { ListenStreams } from "../mcp/modern/listen-streams.ts";
import { LiveClients } from "../mcp/legacy/live-clients.ts";
import { PendingResponses } from "../mcp/calls/in-flight.ts";
import { PassingCalls } from "../mcp/calls/passing-calls.ts";
import { ConcurrencyLimit } from "../mcp/calls/concurrency-limit.ts";
import { recoverRequests } from "../mcp/legacy/recovery.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import { LegacyEndpoint } from "../mcp/legacy/endpoint.ts";
import { ClientAccess } from "../clients/client-access.ts";
import { ModernEndpoint } from "../mcp/modern/endpoint.ts";
import { SharedServer } from "../mcp/modern/shared-server.ts";
import type { Activity } from "../lib/activity.ts";
import type { SessionResolver } from "../clients/session-resolver.ts";
import type { Presence } from "../clients/presence.ts";
import type { OutboxDelivery } from "../updates/delivery.ts";
import type { Storage } from "../storage/storage.ts";
import { prometheus } from "../telemetry/prometheus.ts";
import { reasonOf, why } from "../telemetry/failures.ts";
import { kept } from "../telemetry/readings.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";

/** Time that answers have to leave at a stop. */
const FLUSH_MS = 5_000;

export interface HttpServerOptions {
  config: Config;
  server: McpServerOptions;
  storage: Storage;
  instances: Instances;
  keys: ApiKeys;
  /** Records when clients were last active. */
  activity: Activity;
  presence: Presence;
  resolver: SessionResolver;
  delivery: OutboxDelivery;
  clock: Clock;
  metrics: Metrics | undefined;
  log: Logger;
  onError(error: unknown): void;
}

export class HttpServer {
  readonly authenticator: Authenticator;
  readonly #parts: HttpServerOptions;
  readonly #live: LiveClients;
  readonly #listens: ListenStreams;
  readonly #connections: OpenConnections;
  /** One server for each era. */
  readonly #servers: { modern: SharedServer; legacy: SharedServer };
  readonly #exchanges: PendingResponses;
  readonly #dispatcher: Dispatcher;
  readonly #routes: ReturnType<typeof createRoutes>;
  readonly #streamCredentials: StreamCredentials;
  #publicUrl: string | undefined;
  /** Set before calls are recovered: only a server that clients can reach again takes up the calls of a dead one. */
  #listening = false;
  #accepting = true;

  constructor(parts: HttpServerOptions) {
    const { config, server, storage, instances, presence, delivery, clock, onError } = parts;
    const { metrics = new Metrics(), log } = parts; // never read without /metrics
    this.#parts = parts;
    this.#publicUrl = config["public-url"];
    const issuer = config["auth-issuer"];
    const resourceUrl = (): URL => new URL("/mcp", this.#publicUrl);
    // Accept a longer audience: a program may ask for a token for its whole address, such as /mcp/work or
    // /mcp?name=work.
    const isAudience = (name: string): boolean => {
      const audience = config["auth-audience"] ?? resourceUrl().href;
      // Accept the origin too: a client may read the metadata of the whole host only.
      const root = config["auth-audience"] === undefined ? resourceUrl().origin : undefined;
      if (name === root || name === `${root}/`) return true;
      if (!name.startsWith(audience)) return false;
      return ["/", "?", undefined].includes(name[audience.length]);
    };
    const tokens = issuer
      ? new AccessTokens({
          ...{ issuer, isAudience, plainJwt: config["auth-plain-jwt"], clock },
          events: issuerEvents(issuer, log),
        })
      : undefined;
    this.authenticator = new Authenticator(parts.keys, tokens);

    const { clients, subscriptions, streams } = storage;
    const liveParts = { ...server, streams, maxEvents: config["stream-events"] };
    this.#live = new LiveClients(liveParts, clients, config["live-clients"]);
    this.#exchanges = new PendingResponses();
    const calls = new ConcurrencyLimit(
      config["max-concurrent-calls"],
      "calls",
      "max-concurrent-calls",
      () => metrics.refusals.add("concurrency"),
    );
    const openStreams = new ConcurrencyLimit(config["max-streams"], "streams", "max-streams", () =>
      metrics.refusals.add("streams"),
    );
    const sessionfulParts = {
      ...liveParts,
      ...{ clients, live: this.#live, presence, exchanges: this.#exchanges, calls },
    };
    this.#dispatcher = new Dispatcher({ ...sessionfulParts, instanceId: instances.id });
    this.#servers = {
      modern: new SharedServer(server, "modern"),
      legacy: new SharedServer(server, "legacy"),
    };
    const passing = (era: "modern" | "legacy"): PassingCalls =>
      new PassingCalls({
        server: this.#servers[era],
        registry: server.registry,
        exchanges: this.#exchanges,
        calls,
      });
    this.#listens = new ListenStreams({
      ...{
        info: server.info,
        registry: server.registry,
        clients,
        subscriptions,
        presence,
        resolver: parts.resolver,
        openStreams,
        clock,
        onError,
      },
    });
    delivery.add(this.#live);
    delivery.add(this.#listens);

    this.#connections = new OpenConnections(config["max-connections"]);
    this.#streamCredentials = new StreamCredentials(onError);
    this.#routes = createRoutes({
      authenticator: this.authenticator,
      connections: this.#connections,
      streamCredentials: this.#streamCredentials,
      resource: issuer ? new ProtectedResource(issuer, resourceUrl) : undefined,
      registry: server.registry,
      sessionful: new LegacyEndpoint({
        ...sessionfulParts,
        headerless:
          config["default-session"] === "own" ? undefined : new Headerless(passing("legacy")),
        clientAccess: new ClientAccess(clients, this.authenticator),
        ...{ dispatcher: this.#dispatcher, activity: parts.activity, openStreams, clock },
        resolver: parts.resolver,
      }),
      stateless: new ModernEndpoint({
        calls: passing("modern"),
        listens: this.#listens,
        registry: server.registry,
        observer: server.observer,
      }),
      accepting: () => this.#accepting,
      exchanges: this.#exchanges,
      ready: () => storage.check(),
      publicUrl: () => config["public-url"] && resourceUrl().href,
      hosts: knownHosts(config),
      origins: config["cors-origins"] ?? [],
      maxBodyBytes: config["max-body"],
      maxInFlightBytes: config["max-in-flight"],
      maxDepth: config["max-depth"],
      callsPerMinute: config["max-calls-per-minute"],
      metrics: parts.metrics,
      scrape: prometheus({
        metrics,
        live: () => ({
          clientsInMemory: this.#live.size,
          connectedClients: presence.size,
          openStreams: openStreams.taken,
          runningCalls: calls.taken,
        }),
        stored: kept(() =>
          storage.statistics().catch((error: unknown) => {
            log.warn(why(error), "what is stored could not be counted for /metrics");
            return undefined;
          }),
        ),
      }),
      log,
    });
  }

  /** Recover the requests of dead instances. */
  async adopt(): Promise<void> {
    if (!this.#listening) return;
    const { server, storage, instances, log } = this.#parts;
    await recoverRequests({
      ...{ streams: storage.streams, dispatcher: this.#dispatcher, live: this.#live },
      ...{ registry: server.registry, instanceId: instances.id, log },
      ...{ life: this.authenticator, clock: this.#parts.clock },
    });
  }

  /** Stop calls that other processes run since they took this process for dead. */
  async giveUp(): Promise<void> {
    const { storage, instances } = this.#parts;
    await this.#exchanges.giveUp(() => storage.streams.streamsOf(instances.id));
  }

  /** Start to listen; `closing` undoes it at the stop. */
  async listen(closing: AsyncDisposableStack): Promise<Listener> {
    const { config, storage, instances, onError } = this.#parts;
    const open = !config["insecure-no-auth"] && !(await this.authenticator.required());
    const inherited = inheritedSocket(process.env, process.pid);
    const found = openings(config, { inherited: inherited !== undefined });
    if (open) refuseOpenings(found);
    this.#listening = true;
    await instances.sweep();
    const touching = setInterval(() => {
      storage.streams.touch(this.#live.streamIds).catch(onError);
    }, config["stream-grace"] / 4).unref();
    closing.defer(() => clearInterval(touching));
    const listener = await listen((request, env) => this.#routes.fetch(request, env), {
      host: config.host,
      port: config.port,
      inherited,
      connections: this.#connections,
      maxHeaderBytes: config["max-headers"],
    });
    this.#publicUrl ??= listener.origin;
    closing.defer(() => this.#stop(listener));
    // Check the real address: an inherited socket is opened without these checks, and a host name may stand for any
    // address.
    const reached = isLoopback(listener.address)
      ? found
      : [...found, `${listener.address} (socket)`];
    if (open) refuseOpenings(reached);
    else if (!config["insecure-no-auth"] && reached.length > 0) this.authenticator.askAlways();
    return listener;
  }

  /** Drop the objects in memory; rows stay. */
  close(): Promise<void> {
    return this.#live.closeAll();
  }

  async #stop(listener: Listener): Promise<void> {
    this.#accepting = false;
    const closed = listener.close();
    this.#listens.close();
    await this.#exchanges.drain(this.#parts.config["shutdown-grace"]);
    await Promise.all([
      this.#live.closeAll(),
      this.#servers.modern.close(),
      this.#servers.legacy.close(),
    ]);
    this.#streamCredentials.close();
    // Wait until the answers of finished calls have left.
    await Promise.race([closed, sleep(FLUSH_MS, undefined, { ref: false })]);
    listener.cut();
    await closed;
  }
}

/** One line when the issuer goes down, one when it is back. */
const issuerEvents = (issuer: string, log: Logger): IssuerEvents => ({
  onDown: (error) => log.warn({ issuer, reason: reasonOf(error) }, "the issuer does not answer"),
  onUp: (refused) => log.warn({ issuer, refused }, "the issuer answers again"),
});

/** The names that requests may call this server by. */
function knownHosts(config: Config): string[] {
  const publicUrl = config["public-url"];
  return [
    ...["localhost", "127.0.0.1", "[::1]", config.host, ...(config["allowed-hosts"] ?? [])],
    ...(publicUrl ? [new URL(publicUrl).hostname] : []),
  ];
}
