// The composition root: the only place where the parts are wired. Everything opened here is closed in reverse order.
import { RequestStates } from "../protocol/request-state.ts";
import { SigningKeys } from "../protocol/signing-keys.ts";
import { ApiKeys } from "../auth/api-keys.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import { LOCAL } from "../auth/principal.ts";
import { Chat } from "../chat/chat.ts";
import { HistorySearch } from "../chat/history-search.ts";
import { ContextWindow } from "../chat/context-window.ts";
import type { ChatModel } from "../chat/model.ts";
import type { Config } from "../config/config.ts";
import type { Listener } from "../http/listen.ts";
import { Instances } from "../instances/instances.ts";
import { isoTime, systemClock, type Clock } from "../lib/clock.ts";
import { tokensOf } from "../config/context-tokens.ts";
import { RequestLog } from "../mcp/calls/request-log.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import { skillResource } from "../mcp/skill.ts";
import { serveOverStdio, type StdioConnection } from "../mcp/stdio/stdio.ts";
import { configuredModel } from "../models/configured.ts";
import { Recall } from "../models/recall.ts";
import { tokenizer } from "../models/tokens.ts";
import { SessionAccessControl } from "../sessions/access.ts";
import { Audit } from "../auth/audit.ts";
import { HttpServer } from "./server.ts";
import { Activity } from "../lib/activity.ts";
import { SessionResolver } from "../clients/session-resolver.ts";
import { Operator } from "../sessions/operator.ts";
import { IdempotentCalls } from "../idempotency/idempotent-calls.ts";
import { ConnectedClients } from "../clients/connected-clients.ts";
import { Presence } from "../clients/presence.ts";
import { Cleanup, waitingText, type Waiting } from "../jobs/cleanup.ts";
import { RunningCalls } from "../sessions/running-calls.ts";
import type { Session, SessionTarget } from "../sessions/session.ts";
import { SESSIONS_URI, sessionUri } from "../sessions/uris.ts";
import { Sessions } from "../sessions/sessions.ts";
import type { Prompt } from "../prompts/prompt.ts";
import { promptCatalogue, PromptRegistry } from "../prompts/registry.ts";
import { sessionPrompts } from "../prompts/session-prompts.ts";
import { resourceCatalogue, ResourceRegistry } from "../resources/registry.ts";
import type { Resource } from "../resources/resource.ts";
import { sessionResources } from "../resources/session-resources.ts";
import { UpdateNotifier } from "../updates/notifier.ts";
import type { Change } from "../updates/store.ts";
import { OutboxDelivery } from "../updates/delivery.ts";
import { State } from "../state/state.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { backgroundFailures } from "../telemetry/background.ts";
import { openLog } from "../telemetry/logger.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { chatTools } from "../tools/builtin/chat-tool.ts";
import { chatgptTools } from "../tools/builtin/chatgpt-tools.ts";
import { forkTool } from "../tools/builtin/fork-tool.ts";
import { historyTools } from "../tools/builtin/history-tools.ts";
import { ToolFolder } from "../tool-files/tool-folder.ts";
import { LocalClient } from "../tools/local-client.ts";
import { toolCatalogue, ToolRegistry } from "../tools/registry.ts";
import { searchTool } from "../tools/builtin/search-tool.ts";
import { sessionTools } from "../tools/builtin/session-tools.ts";
import { shareTools } from "../tools/builtin/share-tools.ts";
import { stateTools } from "../tools/builtin/state-tools.ts";
import type { Tool } from "../tools/tool.ts";
import { Forks } from "../transfer/fork.ts";
import { Transfer } from "../transfer/transfer.ts";
import { VERSION } from "../version.ts";

export interface AppOptions {
  config: Config;
  /** Beside the built-in ones. */
  tools?: readonly Tool[];
  resources?: readonly Resource[];
  prompts?: readonly Prompt[];
  /** What tools in files get for `import … from "holdfast"`. */
  library?: object;
  /** Told in one line what is wrong with a file of tools. Default: the log. */
  onToolFault?: (line: string) => void;
  clock?: Clock;
}

export interface App {
  readonly config: Config;
  /** What answers `chat`. */
  readonly model: ChatModel;
  readonly sessions: Sessions;
  /** Everybody's sessions, for commands. */
  readonly operator: Operator;
  readonly search: HistorySearch;
  /** Export and import. */
  readonly transfer: Transfer;
  readonly keys: ApiKeys;
  readonly authenticator: Authenticator;
  readonly retention: Cleanup<
    "session" | "client" | "state key" | "stream" | "request key" | "audit entry"
  >;
  /** The age at which sessions go, in milliseconds, and how many there are. */
  kept(): Promise<Kept>;
  /** Calls tools as `local`, in this session where they name none. */
  client(target?: SessionTarget): LocalClient;
  /** What files in the folder of tools give now. */
  loaded(): ToolFolder["loaded"] | undefined;
  /** Registers this process, recovers what dead ones left, starts the cleanup job. */
  start(): Promise<void>;
  listen(): Promise<Listener>;
  /** `output`: the pipe to the client. */
  serveStdio(target: SessionTarget | undefined, output: NodeJS.WriteStream): StdioConnection;
  /** Rejects when nothing can be stored any more, because the database's files are gone: a new start may help. */
  readonly lost: Promise<never>;
  /** Lets running calls finish for a while, then closes everything, once. */
  stop(): Promise<void>;
}

/** What is stored, and until when. */
export interface Kept {
  sessions: number;
  /** Without a use; `Infinity` for never. */
  maxAgeMs: number;
  /** The next cleanup deletes so many. */
  due: number;
  /** Due too, but not yet: the run before has kept them. */
  waiting: Waiting | undefined;
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
  const { log, flush } = openLog(config["log-level"]);
  closing.defer(flush);
  const metrics = config.metrics ? new Metrics() : undefined;
  const warn = backgroundFailures(log, clock);

  const { promise: lost, reject: lose } = Promise.withResolvers<never>();
  lost.catch(() => undefined); // whoever runs the app decides what to do
  const storage = openStorage({
    folder: config.ephemeral ? undefined : config["data-dir"],
    durability: config.durability,
    clock,
    expiry: {
      ...(config["max-age"] !== undefined && { maxAgeMs: config["max-age"] }),
      ...(config["client-age"] !== undefined && { clientAgeMs: config["client-age"] }),
    },
    streamGraceMs: config["stream-grace"],
    maxMessages: config["max-messages"],
    maxClients: config["max-clients"],
    maxHistoryBytes: config["max-history"],
    maxStateBytes: config["max-state"],
    maxStorageBytes: config["max-storage"],
    maxDatabaseBytes: config["max-database"],
    ...(metrics && {
      onCommit: (operations, seconds) => metrics.committed(operations, seconds),
      onEvent: () => void (metrics.events += 1),
    }),
    onLost(error) {
      log.error({ err: error }, "nothing can be stored any more");
      lose(error);
    },
    onUpgrade: (copy) =>
      log.warn({ copy }, "upgrading the database; a copy of it as it was is kept"),
  });
  closing.defer(() => storage.close());
  const { maxAgeMs, clientAgeMs, cutoffs } = storage;

  const instances: Instances = new Instances(
    storage.instances,
    clock,
    {
      async recover(id) {
        const interrupted = await storage.history.interruptTurns(id);
        if (interrupted > 0) log.info({ interrupted }, "ended chat turns that nobody answers");
      },
      adopt: () => serving.adopt(),
      async giveUp() {
        log.warn("another process took this one for dead, and has ended or taken over its calls");
        connected.renew();
        await serving.giveUp();
      },
    },
    warn,
  );
  const { clients } = storage;
  const programAgeMs = Math.min(maxAgeMs, clientAgeMs);
  const connected = new ConnectedClients(clock, instances.id, clients, warn, programAgeMs);
  closing.defer(() => connected.close());
  const presence = new Presence(clock, programAgeMs, clients, connected, warn);
  closing.defer(() => presence.close());
  const retention = new Cleanup(
    {
      session: storage.sessions,
      client: storage.clients,
      "state key": storage.state,
      stream: storage.streams,
      "request key": storage.keyedCalls,
      "audit entry": storage.audit,
    },
    warn,
    storage.upkeep,
    (deleted) => {
      const some = Object.entries(deleted).filter(([, count]) => count > 0);
      for (const [kind, count] of some) metrics?.deleted.add(kind, count);
      if (some.length > 0) log.info({ deleted: Object.fromEntries(some) }, "cleanup");
    },
    async (consent, { dryRun } = { dryRun: false }) => {
      const isNew = await cutoffs.settle(config["cleanup-interval"], { consent, dryRun });
      const waiting = isNew && !dryRun ? await cutoffs.waiting() : undefined;
      if (waiting !== undefined && waiting.until !== null) {
        const { sessions, until } = waiting;
        const when = isoTime(until);
        log.warn({ sessions, until: when }, waitingText(sessions, when));
      }
    },
  );

  const delivery = new OutboxDelivery(storage.subscriptions, warn);
  closing.defer(() => delivery.close());
  const announcer = new UpdateNotifier({
    store: storage.subscriptions,
    onWaiting: (clientIds) => delivery.deliver(clientIds),
    onError: warn,
  });

  const shortestAgeMs = Math.min(programAgeMs, config["temporary-age"]);
  const sessionUse = activity(storage.sessions);
  const audit = new Audit(storage.audit);
  const access = new SessionAccessControl(storage.sessions);
  const sessions = new Sessions({
    store: storage.sessions,
    access,
    audit,
    activity: sessionUse,
    maxAgeMs,
    waitsUntil: () => cutoffs.waitsUntil,
    temporaryMs: config["temporary-age"],
    maxSessions: config["max-sessions"],
  });
  const model: ChatModel = configuredModel(config) ?? new Recall(storage.history);
  const runningCalls = new RunningCalls(instances.id, shortestAgeMs, storage.sessions, {
    onEnd: (id) => sessionUse.note(id),
    onError: warn,
  });
  closing.defer(() => runningCalls.close());
  const services = {
    sessions,
    resolver: new SessionResolver(sessions, storage.clients, config["default-session"]),
    state: new State(storage.state, clock, {
      maxValueBytes: config["max-value"],
      maxKeys: config["max-keys"],
    }),
    chat: new Chat({
      store: storage.history,
      model,
      window: new ContextWindow(storage.history, tokenizer, (name = config.model ?? "") =>
        tokensOf(config["context-tokens"], name),
      ),
      claimant: instances,
      limits: { maxMessageBytes: config["max-message"], modelTimeoutMs: config["model-timeout"] },
      onError: warn,
    }),
    search: new HistorySearch(storage.history),
    forks: new Forks({
      ...{ store: storage.transfer, access, audit, clock },
      maxSessions: config["max-sessions"],
    }),
    updates: announcer,
    runningCalls,
    idempotentCalls: new IdempotentCalls(storage.keyedCalls, instances),
  };
  const keyUse = activity(storage.apiKeys);
  const keys = new ApiKeys(storage.apiKeys, clock, {
    onUse: (id) => keyUse.note(id),
    // Only whoever is at the machine can do this.
    onCreated: ({ id, principal, scope }) =>
      audit.note(LOCAL, "key created", id, `${scope} for ${principal}`),
    onRevoked: (id) => audit.note(LOCAL, "key revoked", id),
    onOpened: () => audit.note(LOCAL, "opened to all", "keys"),
  });
  const states = new RequestStates(new SigningKeys(storage.signingKeys, clock));
  const registry = new ToolRegistry(
    toolCatalogue([
      ...sessionTools(maxAgeMs),
      ...shareTools(),
      ...stateTools(),
      ...historyTools(),
      searchTool(),
      ...chatTools(model.models),
      forkTool(),
      ...chatgptTools(),
    ]).with(tools),
    services,
    states,
    log,
    { changes: config.tools !== undefined, toolsets: config.toolset },
  );
  const server: McpServerOptions = {
    info: { name: "holdfast", title: "Holdfast", version: VERSION },
    registry,
    resources: new ResourceRegistry(
      resourceCatalogue([...sessionResources(services), skillResource]).with(resources),
    ),
    prompts: new PromptRegistry(
      promptCatalogue(sessionPrompts(services)).with(prompts),
      states,
      services.idempotentCalls,
    ),
    subscriptions: storage.subscriptions,
    observer: new RequestLog({ registry, metrics, log }),
  };

  const serving: HttpServer = new HttpServer({
    ...{ config, server, storage, instances, keys, presence, delivery, clock, metrics, log },
    activity: activity(storage.clients),
    resolver: services.resolver,
    onError: warn,
  });
  closing.defer(() => serving.close());

  function activity(store: { touch: Storage["sessions"]["touch"] }): Activity {
    return new Activity(clock, shortestAgeMs, (times) => store.touch(times), warn);
  }

  const toolFolder =
    config.tools === undefined
      ? undefined
      : new ToolFolder({
          ...{ folder: config.tools, library: options.library ?? {}, log },
          registries: { tools: registry, prompts: server.prompts, resources: server.resources },
          onFault: options.onToolFault ?? ((line) => log.warn(line)),
          onChange: (list) => delivery.listChanged(list),
        });

  /** For what a command does to a session as a whole. */
  const wholeNews = ({ id, owner }: Pick<Session, "id" | "owner">): Change => {
    const uri = sessionUri(id);
    return { owner, session: id, by: undefined, uris: [SESSIONS_URI, uri], under: uri };
  };

  /** What somebody who reads the log wants to know first. */
  const started = (address: string): void => {
    const { "data-dir": folder, ephemeral } = config;
    const data = ephemeral ? "memory" : folder;
    const versions = { version: VERSION, node: process.versions.node };
    log.info({ address, data, model: model.label, ...versions }, "started");
    closing.defer(() => log.info("stopping"));
    isStarted = true;
  };
  let isStarted = false;

  let stopping: Promise<void> | undefined;

  return {
    config,
    model,
    sessions,
    operator: new Operator({
      ...{ store: storage.sessions, sessions },
      notifyWith: (some, act, tells) => announcer.notifyWith(some.map(wholeNews), act, tells),
    }),
    search: services.search,
    transfer: new Transfer({
      ...{ store: storage.transfer, sessions: storage.sessions, audit },
      announce: (session) => announcer.notify([wholeNews(session)]),
      now: () => clock.now(),
      limits: {
        maxMessageBytes: config["max-message"],
        maxMessages: config["max-messages"],
        maxValueBytes: config["max-value"],
        maxKeys: config["max-keys"],
        maxSessions: config["max-sessions"],
      },
    }),
    keys,
    authenticator: serving.authenticator,
    retention,

    async kept() {
      const [{ sessions, expiredSessions }, waiting] = await Promise.all([
        storage.statistics(),
        cutoffs.waiting(),
      ]);
      return { sessions, maxAgeMs, due: expiredSessions, waiting };
    },

    client: (target) => new LocalClient(registry, target),

    loaded: () => toolFolder?.loaded,

    async start() {
      // Before calls are recovered that may be theirs.
      if (toolFolder) {
        closing.defer(() => toolFolder.close());
        await toolFolder.start();
      }
      await instances.start();
      closing.defer(() => instances.stop());
      closing.defer(() => services.idempotentCalls.close());
      retention.start(config["cleanup-interval"]);
      closing.defer(() => retention.stop());
    },

    async listen() {
      if (config["max-age"] !== undefined) await storage.rememberMaxAge();
      const listener = await serving.listen(closing);
      started(listener.origin);
      return listener;
    },

    serveStdio(target, output) {
      const connection = serveOverStdio(
        {
          ...{ ...server, clients: storage.clients, presence, clock, log },
          resolver: services.resolver,
          ownSessions: config["default-session"] === "own",
          graceMs: config["shutdown-grace"],
          maxBodyBytes: config["max-body"],
          maxDepth: config["max-depth"],
        },
        target,
        output,
      );
      delivery.add(connection);
      closing.defer(async () => {
        await connection.close();
        await connection.closed;
      });
      started("stdio");
      return connection;
    },

    lost,

    stop: () =>
      (stopping ??= closing.disposeAsync().then(() => {
        if (isStarted) log.info("stopped");
      })),
  };
}
