// The composition root: the only place where the parts are wired. Everything opened here is closed in reverse order.
import { setTimeout as sleep } from "node:timers/promises";
import { RequestStates } from "./auth/request-state.ts";
import { SigningKeys } from "./auth/signing-keys.ts";
import { ApiKeys } from "./auth/api-keys.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { LOCAL } from "./auth/principal.ts";
import { AccessTokens } from "./auth/oauth.ts";
import { Chat } from "./chat/chat.ts";
import type { ChatModel } from "./chat/model.ts";
import type { Config } from "./config.ts";
import { listen, type Listener } from "./http/listen.ts";
import { checkNetwork } from "./http/open-network.ts";
import { ProtectedResource } from "./http/protected-resource.ts";
import { createRoutes } from "./http/routes.ts";
import { Instances } from "./instances/instances.ts";
import { systemClock, type Clock } from "./kernel/clock.ts";
import { Dispatcher } from "./mcp/dispatcher.ts";
import { ListenStreams } from "./mcp/listen-streams.ts";
import { LiveClients } from "./mcp/live-clients.ts";
import { OpenExchanges } from "./mcp/open-exchanges.ts";
import type { ServerParts } from "./mcp/server.ts";
import { recoverRequests } from "./mcp/recovery.ts";
import { Sessionful } from "./mcp/sessionful.ts";
import { Stateless } from "./mcp/stateless.ts";
import { StatelessServer } from "./mcp/stateless-server.ts";
import { serveOverStdio, type StdioConnection } from "./mcp/stdio.ts";
import { OpenAiCompatible } from "./models/openai-compatible.ts";
import { Recall } from "./models/recall.ts";
import { SessionAccessControl } from "./sessions/access.ts";
import { Audit } from "./sessions/audit.ts";
import { Activity } from "./sessions/activity.ts";
import { SessionResolver } from "./sessions/current.ts";
import { KeyedCalls } from "./sessions/keyed-calls.ts";
import { Presence } from "./sessions/presence.ts";
import { Retention } from "./sessions/retention.ts";
import type { SessionTarget } from "./sessions/session.ts";
import { SESSIONS_URI } from "./sessions/uris.ts";
import { Sessions } from "./sessions/sessions.ts";
import { PromptRegistry, type Prompt } from "./prompts/prompt.ts";
import { ResourceRegistry } from "./resources/registry.ts";
import type { ResourceProvider } from "./resources/resource.ts";
import { sessionResources } from "./resources/session-resources.ts";
import { Announcer } from "./streams/announcer.ts";
import { Delivery } from "./streams/delivery.ts";
import { State } from "./state/state.ts";
import { openStorage, type Storage } from "./storage/storage.ts";
import { createLogger } from "./telemetry.ts";
import { chatTool } from "./tools/chat-tool.ts";
import { newsOf } from "./tools/session-handle.ts";
import { historyTools } from "./tools/history-tools.ts";
import { ToolRegistry } from "./tools/registry.ts";
import { sessionTools } from "./tools/session-tools.ts";
import { shareTools } from "./tools/share-tools.ts";
import { stateTools } from "./tools/state-tools.ts";
import type { Tool } from "./tools/tool.ts";
import { VERSION } from "./version.ts";

/** How long answers may take to leave at a stop. */
const FLUSH_MS = 5_000;
const OPENAI_URL = "https://api.openai.com/v1";

export interface AppOptions {
  config: Config;
  /** Tools beside the built-in ones. */
  tools?: readonly Tool[];
  resources?: readonly ResourceProvider[];
  prompts?: readonly Prompt[];
  clock?: Clock;
}

export interface App {
  readonly config: Config;
  /** What answers `chat`. */
  readonly model: ChatModel;
  readonly sessions: Sessions;
  readonly keys: ApiKeys;
  readonly authenticator: Authenticator;
  readonly retention: Retention<
    "session" | "client" | "state key" | "stream" | "request key" | "audit entry"
  >;
  /** Registers this process, recovers what dead ones left, starts the cleanup job. */
  start(): Promise<void>;
  listen(): Promise<Listener>;
  serveStdio(target: SessionTarget | undefined): StdioConnection;
  /** Lets running calls finish for a while, then closes everything, once. */
  stop(): Promise<void>;
}

/** @throws AppError `start` with what keeps the program from starting */
export async function buildApp(options: AppOptions): Promise<App> {
  const closing = new AsyncDisposableStack();
  try {
    return wire(options, closing);
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

/** Everything that is opened is given to `closing`, last in, first out. */
function wire(options: AppOptions, closing: AsyncDisposableStack): App {
  const { config, tools = [], resources = [], prompts = [], clock = systemClock } = options;
  const log = createLogger(config["log-level"]);
  const warn = (error: unknown): void => log.warn({ err: error }, "background work failed");
  const maxAgeMs = config["max-age"];

  const storage = openStorage({
    folder: config.ephemeral ? undefined : config["data-dir"],
    durability: config.durability,
    clock,
    expiry: { maxAgeMs },
    streamGraceMs: config["stream-grace"],
    maxMessages: config["max-messages"],
  });
  closing.defer(() => storage.close());

  // Only a server that its clients can come back to takes up what a dead one left.
  let serving = false;
  const instances = new Instances(
    storage.instances,
    clock,
    {
      recover: (id) => storage.history.interruptTurns(id),
      adopt: async () => {
        if (serving)
          await recoverRequests({
            streams: storage.streams,
            dispatcher,
            live,
            registry,
            instanceId: instances.id,
            log,
          });
      },
    },
    warn,
  );
  const presence = new Presence(clock, maxAgeMs, storage.clients, warn);
  closing.defer(() => presence.close());
  const retention = new Retention(
    {
      session: storage.sessions,
      client: storage.clients,
      "state key": storage.state,
      stream: storage.streams,
      "request key": storage.keyedCalls,
      "audit entry": storage.audit,
    },
    warn,
  );

  const delivery = new Delivery(storage.subscriptions, warn);
  closing.defer(() => delivery.close());
  const announcer = new Announcer({
    store: storage.subscriptions,
    onWaiting: (clientIds) => delivery.deliver(clientIds),
    onError: warn,
  });

  const audit = new Audit(storage.audit);
  const sessions = new Sessions({
    store: storage.sessions,
    access: new SessionAccessControl(storage.sessions),
    audit,
    activity: activity(storage.sessions),
    maxAgeMs,
    maxSessions: config["max-sessions"],
  });
  const model = chooseModel(config, storage);
  const services = {
    sessions,
    resolver: new SessionResolver(sessions, storage.clients, (caller) =>
      announcer.announce(newsOf(caller), [SESSIONS_URI]),
    ),
    state: new State(storage.state, clock, {
      maxValueBytes: config["max-value"],
      maxKeys: config["max-keys"],
    }),
    chat: new Chat(storage.history, model, instances, {
      maxMessageBytes: config["max-message"],
      modelTimeoutMs: config["model-timeout"],
    }),
    announcer,
    keyedCalls: new KeyedCalls(storage.keyedCalls, instances),
  };
  const keyUse = activity(storage.apiKeys);
  const keys = new ApiKeys(storage.apiKeys, clock, {
    onUse: (id) => keyUse.note(id),
    // Only whoever is at the machine can do this.
    onCreated: ({ id, principal, scope }) =>
      audit.note(LOCAL, "key created", id, `${scope} for ${principal}`),
    onRevoked: (id) => audit.note(LOCAL, "key revoked", id),
  });
  let publicUrl = config["public-url"];
  const resourceUrl = (): URL => new URL("/mcp", publicUrl);
  const issuer = config["auth-issuer"];
  const audience = (): string => config["auth-audience"] ?? resourceUrl().href;
  const tokens = issuer ? new AccessTokens({ issuer, audience, clock }) : undefined;
  const authenticator = new Authenticator(keys, tokens);
  const states = new RequestStates(new SigningKeys(storage.signingKeys, clock));
  const registry = new ToolRegistry(
    [
      ...sessionTools(maxAgeMs),
      ...shareTools(),
      ...stateTools(),
      ...historyTools(),
      chatTool(),
      ...tools,
    ],
    services,
    states,
    log,
  );
  const parts: ServerParts = {
    info: { name: "holdfast", title: "Holdfast", version: VERSION },
    registry,
    resources: new ResourceRegistry([sessionResources(services), ...resources]),
    prompts: new PromptRegistry(prompts, states),
    subscriptions: storage.subscriptions,
  };

  const liveParts = { ...parts, streams: storage.streams, maxEvents: config["stream-events"] };
  const live = new LiveClients(liveParts, storage.clients, config["live-clients"]);
  closing.defer(() => live.closeAll());
  delivery.add(live);
  const exchanges = new OpenExchanges(config["max-concurrent-calls"]);
  const serving2025 = { ...liveParts, clients: storage.clients, live, presence, exchanges };
  const dispatcher = new Dispatcher({ ...serving2025, instanceId: instances.id });
  const sessionful = new Sessionful({
    ...serving2025,
    dispatcher,
    activity: activity(storage.clients),
    clock,
  });
  const server = new StatelessServer(parts);
  const listens = new ListenStreams({
    ...{ info: parts.info, clients: storage.clients, subscriptions: storage.subscriptions },
    ...{ presence, clock, onError: warn },
  });
  delivery.add(listens);
  const stateless = new Stateless({ server, listens, registry, exchanges });
  let accepting = true;
  const routes = createRoutes({
    authenticator,
    resource: issuer ? new ProtectedResource(issuer, resourceUrl) : undefined,
    registry,
    sessionful,
    stateless,
    accepting: () => accepting,
    ready: () => storage.check(),
    hosts: [
      ...["localhost", "127.0.0.1", "[::1]", config.host, ...(config["allowed-hosts"] ?? [])],
      ...(publicUrl ? [new URL(publicUrl).hostname] : []),
    ],
    origins: config["cors-origins"] ?? [],
    maxBodyBytes: config["max-body"],
    callsPerMinute: config["max-calls-per-minute"],
    log,
  });

  function activity(store: { touch: Storage["sessions"]["touch"] }): Activity {
    return new Activity(clock, maxAgeMs, (times) => store.touch(times), warn);
  }

  let stopping: Promise<void> | undefined;

  return {
    config,
    model,
    sessions,
    keys,
    authenticator,
    retention,

    async start() {
      await instances.start();
      closing.defer(() => instances.stop());
      closing.defer(() => services.keyedCalls.close());
      retention.start(config["cleanup-interval"]);
      closing.defer(() => retention.stop());
    },

    async listen() {
      if (!config["insecure-no-auth"] && !(await authenticator.required()))
        checkNetwork(config.host);
      serving = true;
      await instances.sweep();
      const touching = setInterval(() => {
        storage.streams.touch(live.streamIds).catch(warn);
      }, config["stream-grace"] / 4).unref();
      closing.defer(() => clearInterval(touching));
      const listener = await listen((request) => routes.fetch(request), {
        host: config.host,
        port: config.port,
        maxConnections: config["max-connections"],
      });
      publicUrl ??= listener.origin;
      closing.defer(async () => {
        accepting = false;
        const closed = listener.close();
        listens.close();
        await exchanges.drain(config["shutdown-grace"]);
        await Promise.all([live.closeAll(), server.close()]);
        // What has been answered is still on its way out.
        await Promise.race([closed, sleep(FLUSH_MS, undefined, { ref: false })]);
        listener.cut();
        await closed;
      });
      return listener;
    },

    serveStdio(target) {
      const connection = serveOverStdio(
        { ...parts, clients: storage.clients, presence, clock, log },
        target,
      );
      delivery.add(connection);
      closing.defer(async () => {
        await connection.close();
        await connection.closed;
      });
      return connection;
    },

    stop: () => (stopping ??= closing.disposeAsync()),
  };
}

/** In this order: the configured endpoint, OpenAI when a model and a key are configured, else recall. */
function chooseModel(config: Config, storage: Storage): ChatModel {
  const { model, "model-url": url = config["model-key"] && OPENAI_URL, "model-key": key } = config;
  return model && url ? new OpenAiCompatible({ url, model, key }) : new Recall(storage.history);
}
