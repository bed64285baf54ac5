// The composition of everything that speaks HTTP: authentication, both protocol eras, the routes, the socket.
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiKeys } from "../auth/api-keys.ts";
import { Authenticator } from "../auth/authenticator.ts";
import type { BrowserSessions } from "../auth/browser-sessions.ts";
import type { Passkeys } from "../auth/passkeys.ts";
import type { Presence } from "../clients/presence.ts";
import type { Config } from "../config/config.ts";
import type { SettingReport } from "../config/report.ts";
import type { Health } from "../console/health.ts";
import { StreamCredentials } from "../http/access/stream-credentials.ts";
import { OpenConnections } from "../http/limits/connections.ts";
import { inheritedSocket, listen, type Listener } from "../http/listen.ts";
import { openings, refuseOpenings } from "../http/open-network.ts";
import { createRoutes } from "../http/routes.ts";
import type { FileImports } from "../imports/file-imports.ts";
import type { Instances } from "../instances/instances.ts";
import type { Activity } from "../lib/activity.ts";
import type { Clock } from "../lib/clock.ts";
import { AppError } from "../lib/errors.ts";
import { isLoopback } from "../lib/loopback.ts";
import { recoverRequests } from "../mcp/legacy/recovery.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import type { FetchDocument } from "../oauth/metadata-documents.ts";
import type { Storage } from "../storage/storage.ts";
import { why } from "../telemetry/failures.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { prometheus } from "../telemetry/prometheus.ts";
import { kept, type StoredFigures } from "../telemetry/readings.ts";
import type { Transfer } from "../transfer/transfer.ts";
import type { OutboxDelivery } from "../updates/delivery.ts";
import { buildAuthorization } from "./authorization.ts";
import { openBackups } from "./backups.ts";
import { type Console, lazyConsole } from "./console.ts";
import type { Data } from "./data.ts";
import { buildEras, type Eras, part } from "./eras.ts";
import { openHealth } from "./health.ts";
import type { Services } from "./services.ts";

/** How long one process of several goes on to answer on open connections at a stop. */
const LEAVING_MS = 300;
/** How long the rest of a request may be on its way. */
const ARRIVING_MS = 50;
/** Time that answers have to leave at a stop. */
const FLUSH_MS = 5_000;

export interface HttpServerOptions {
  config: Config;
  mcp: McpServerOptions;
  storage: Storage;
  instances: Instances;
  keys: ApiKeys;
  /** Records when clients were last active. */
  activity: Activity;
  presence: Presence;
  services: Services;
  /** Files that browsers bring in. */
  imports: FileImports;
  transfer: Transfer;
  browserSessions: BrowserSessions;
  passkeys: Passkeys;
  grants: Data["grants"];
  oauthClients: Data["oauthClients"];
  /** See AppOptions. */
  fetchDocument: FetchDocument | undefined;
  delivery: OutboxDelivery;
  watch: Data["watch"];
  clock: Clock;
  metrics: Metrics;
  settings: readonly SettingReport[];
  command: readonly string[];
  log: Logger;
  onError(error: unknown): void;
}

export class HttpServer {
  readonly authenticator: Authenticator;
  /** Of this process, for people who look; absent without a console. */
  readonly health: Health | undefined;
  readonly #parts: HttpServerOptions;
  readonly #eras: Eras;
  readonly #connections: OpenConnections;
  readonly #routes: ReturnType<typeof createRoutes>;
  readonly #streamCredentials: StreamCredentials;
  readonly #console: Console | undefined;
  #publicUrl: string | undefined;
  /** See `openings`. */
  #reached: readonly string[] = [];
  /** Set before calls are recovered: only a server that clients can reach again takes up the calls of a dead one. */
  #listening = false;
  /** From the stop on: no new connections. */
  #leaving = false;
  /** Until no requests are taken any more. */
  #accepting = true;

  constructor(parts: HttpServerOptions) {
    const { config, mcp, storage, delivery, metrics, log, onError } = parts;
    this.#parts = parts;
    this.#publicUrl = config["public-url"];
    const resourceUrl = (): URL => new URL("/mcp", this.#publicUrl);
    const authorization = buildAuthorization({ ...parts, resourceUrl });
    const { tokens, always } = authorization;
    this.authenticator = new Authenticator(parts.keys, tokens, {
      ...{ always, passkeys: parts.passkeys, browserSessions: parts.browserSessions },
    });
    this.#eras = buildEras({
      ...parts,
      resolver: parts.services.resolver,
      authenticator: this.authenticator,
      metrics,
    });
    delivery.add(this.#eras.live);
    delivery.add(this.#eras.listens);
    this.#connections = new OpenConnections(config["max-connections"]);
    this.#streamCredentials = new StreamCredentials(onError);
    const stored = storedReading(parts);
    const openTo = (): readonly string[] => this.#reached;
    this.health = config.console ? openHealth({ ...parts, stored, openTo }) : undefined;
    this.#console = this.health
      ? lazyConsole({
          health: this.health,
          settings: parts.settings,
          backups: openBackups(parts),
          authenticator: this.authenticator,
          browserSessions: parts.browserSessions,
          passkeys: parts.passkeys,
          keys: parts.keys,
          grants: parts.grants,
          authorizationServer: authorization.server,
          services: parts.services,
          imports: parts.imports,
          transfer: parts.transfer,
          admit: (socket) => this.#connections.admit(socket),
          calls: mcp.registry.activity,
          tasks: mcp.tasks,
          watch: parts.watch,
          connected: (owner, limit) => storage.clients.connected(owner, limit),
          audit: (...page) => storage.audit.list(...page),
          address: (c) =>
            config["public-url"] ? resourceUrl().href : new URL("/mcp", c.req.url).href,
          hasIssuer: authorization.resource !== undefined,
          openTo,
          publicUrl: config["public-url"],
          maxBodyBytes: config["max-body"],
          maxUploadBytes: config["max-upload"],
          log,
        })
      : undefined;
    this.#routes = createRoutes({
      authenticator: this.authenticator,
      connections: this.#connections,
      streamCredentials: this.#streamCredentials,
      resource: authorization.resource,
      authorizationServer: authorization.server,
      registry: mcp.registry,
      legacy: this.#eras.legacy,
      modern: this.#eras.modern,
      accepting: () => this.#accepting,
      pending: this.#eras.pending,
      request: (caller, act) => storage.request(caller, act),
      ready: () => this.#ready(),
      publicUrl: () => config["public-url"] && resourceUrl().href,
      hosts: knownHosts(config),
      origins: config["cors-origins"] ?? [],
      maxBodyBytes: config["max-body"],
      maxInFlightBytes: config["max-in-flight"],
      maxDepth: config["max-depth"],
      callsPerMinute: () => part(config["max-calls-per-minute"], parts.instances),
      metrics: config.metrics ? metrics : undefined,
      scrape: exposition(parts, metrics, this.#eras, stored),
      console: this.#console?.pages,
      log,
    });
  }

  /** Recover the requests of dead instances. */
  async adopt(): Promise<void> {
    if (!this.#listening) return;
    const { mcp, storage, instances, clock, log } = this.#parts;
    await recoverRequests({
      streams: storage.streams,
      dispatcher: this.#eras.dispatcher,
      live: this.#eras.live,
      registry: mcp.registry,
      instanceId: instances.id,
      life: this.authenticator,
      clock,
      log,
    });
  }

  /** The durable streams whose requests run here. */
  get runningStreams(): string[] {
    return this.#eras.pending.streams;
  }

  /** Stop calls that other processes run since they took this process for dead. */
  async giveUp(): Promise<void> {
    const { storage, instances } = this.#parts;
    await this.#eras.pending.giveUp(() => storage.streams.streamsOf(instances.id));
  }

  /** Start to listen; `closing` undoes it at the stop. */
  async listen(closing: AsyncDisposableStack): Promise<Listener> {
    const { config, storage, instances, onError } = this.#parts;
    const open = !config["insecure-no-auth"] && !(await this.authenticator.required());
    const inherited = inheritedSocket(process.env, process.pid);
    const found = openings(config, { inherited: inherited !== undefined });
    if (open) refuseOpenings(found);
    this.#listening = true;
    await instances.serve();
    await instances.sweep();
    const touching = setInterval(() => {
      storage.streams.touch(this.#eras.live.streamIds).catch(onError);
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
    this.#console?.start();
    // Check the real address: an inherited socket is opened without these checks, and a host name may stand for any
    // address.
    const reached = isLoopback(listener.address)
      ? found
      : [...found, `${listener.address} (socket)`];
    this.#reached = reached;
    if (open) refuseOpenings(reached);
    else if (!config["insecure-no-auth"] && reached.length > 0) this.authenticator.askAlways();
    return listener;
  }

  async #ready(): Promise<void> {
    if (this.#leaving) throw new AppError("busy", "The server is stopping.");
    await this.#parts.storage.check();
  }

  /** Drop the objects in memory; rows stay. */
  close(): Promise<void> {
    return this.#eras.live.closeAll();
  }

  async #stop(listener: Listener): Promise<void> {
    this.#leaving = true;
    listener.leave();
    // A balancer has open connections on which it may be sending. After them, it goes to the others.
    const leaves = async (ms: number): Promise<void> => {
      if (this.#parts.instances.serving > 1)
        await Promise.race([listener.ended, sleep(ms, undefined, { ref: false })]);
    };
    await leaves(LEAVING_MS);
    const closed = listener.close();
    await leaves(ARRIVING_MS);
    this.#accepting = false;
    this.#eras.listens.close();
    await this.#console?.endStreams();
    await this.#eras.pending.drain(this.#parts.config["shutdown-grace"]);
    await Promise.all([this.#eras.live.closeAll(), this.#eras.close(), this.#console?.close()]);
    this.#streamCredentials.close();
    // Wait until the answers of finished calls have left.
    await Promise.race([closed, sleep(FLUSH_MS, undefined, { ref: false })]);
    listener.cut();
    await closed;
  }
}

/** A function that reads all numbers for /metrics. */
const exposition = (
  { presence, instances }: HttpServerOptions,
  metrics: Metrics,
  { live, openStreams, calls }: Eras,
  stored: StoredReading,
): ReturnType<typeof prometheus> =>
  prometheus({
    metrics,
    live: () => ({
      clientsInMemory: live.size,
      connectedClients: presence.size,
      openStreams: openStreams.taken,
      runningCalls: calls.taken,
      servingProcesses: instances.serving,
    }),
    stored,
  });

type StoredReading = () => Promise<StoredFigures | undefined>;

/** Reads what is stored, not too often; undefined while it cannot be read. */
const storedReading = ({ storage, log }: HttpServerOptions): StoredReading =>
  kept(() =>
    storage.statistics().catch((error: unknown) => {
      log.warn(why(error), "what is stored could not be counted");
      return undefined;
    }),
  );

/** The names that requests may call this server by. */
function knownHosts(config: Config): string[] {
  const publicUrl = config["public-url"];
  return [
    ...["localhost", "127.0.0.1", "[::1]", config.host, ...(config["allowed-hosts"] ?? [])],
    ...(publicUrl ? [new URL(publicUrl).hostname] : []),
  ];
}
