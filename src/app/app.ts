// The composition root: data, services, the MCP offer and its transports. Closes everything in reverse order of
// opening.
import type { Authenticator } from "../auth/authenticator.ts";
import type { ChatModel } from "../chat/model.ts";
import { ConnectedClients } from "../clients/connected-clients.ts";
import { Presence } from "../clients/presence.ts";
import type { Config } from "../config/config.ts";
import { dataPlace } from "../config/data-place.ts";
import type { SettingReport } from "../config/report.ts";
import type { Health } from "../console/health.ts";
import type { Listener } from "../http/listen.ts";
import { Instances } from "../instances/instances.ts";
import type { Clock } from "../lib/clock.ts";
import type { McpServerOptions } from "../mcp/server.ts";
import { serveOverStdio, type StandardStreams, type StdioConnection } from "../mcp/stdio/stdio.ts";
import type { FetchDocument } from "../oauth/metadata-documents.ts";
import type { SessionTarget } from "../sessions/session.ts";
import { ToolFolder } from "../tool-files/tool-folder.ts";
import { LocalClient } from "../tools/local-client.ts";
import { VERSION } from "../version.ts";
import { activityOf, type Data, openData } from "./data.ts";
import { type Additions, buildMcp } from "./mcp.ts";
import { HttpServer } from "./server.ts";
import { buildServices, modelOf, type Services } from "./services.ts";
import { buildTasks, type TaskParts } from "./tasks.ts";

export interface AppOptions extends Additions {
  config: Config;
  /** Module that files of tools get for `import … from "holdfast"`. */
  library?: object;
  /** Receives one line about each fault in a file of tools. Default: the log. */
  onToolFault?: (line: string) => void;
  /** The settings with their origins, for the console. */
  settings?: readonly SettingReport[];
  /** Words that start this program anew, for work in a process of its own; absent in another program's process. */
  command?: readonly string[] | undefined;
  clock?: Clock;
  /** Fetches metadata documents of OAuth clients. Default: from public addresses only. */
  fetchDocument?: FetchDocument;
}

export interface App extends Data {
  /** Model that answers `chat`. */
  readonly model: ChatModel;
  readonly authenticator: Authenticator;
  /** See HttpServer. */
  readonly health: Health | undefined;
  /** Calls tools as `local`, by default in the session `target`. */
  client(target?: SessionTarget): LocalClient;
  /** Additions that the files in the folder of tools give now. */
  loaded(): ToolFolder["loaded"] | undefined;
  /** The file in this folder that gives a tool. */
  toolFile(tool: string): string | undefined;
  /** Registers this process, recovers the work of dead ones, starts the cleanup job. */
  start(): Promise<void>;
  listen(): Promise<Listener>;
  /** `output`: the pipe to the client. */
  serveStdio(target: SessionTarget | undefined, streams: StandardStreams): StdioConnection;
  /** Lets running calls finish for a while, then closes everything, once. */
  stop(): Promise<void>;
}

/** @throws AppError `start` with the reason why the program cannot start */
export async function buildApp(options: AppOptions): Promise<App> {
  const closing = new AsyncDisposableStack();
  try {
    return await compose(options, closing);
  } catch (error) {
    await closing.disposeAsync();
    throw error;
  }
}

async function compose(options: AppOptions, closing: AsyncDisposableStack): Promise<App> {
  const data = await openData(options.config, closing, { clock: options.clock });
  const server = buildServer(data, options, closing);
  const { mcp, http } = server;
  const toolFolder = toolFolderOf(data, mcp, options);
  return {
    ...data,
    model: server.model,
    authenticator: http.authenticator,
    health: http.health,
    client: (target) => new LocalClient(mcp.registry, target),
    loaded: () => toolFolder?.loaded,
    toolFile: (tool) => toolFolder?.fileOf(tool),
    ...lifeOf(data, server, toolFolder, closing),
  };
}

interface Server {
  model: ChatModel;
  instances: Instances;
  presence: Presence;
  services: Services;
  tasks: TaskParts;
  mcp: McpServerOptions;
  http: HttpServer;
}

/** Everything that answers programs, over any transport. */
function buildServer(data: Data, options: AppOptions, closing: AsyncDisposableStack): Server {
  const { config, clock, log, metrics, storage, keys, delivery, onError } = data;
  const instances: Instances = new Instances(
    storage.instances,
    clock,
    {
      atWork: () => [
        ...services.chat.running.map((id) => ({ kind: "turn" as const, id })),
        ...services.idempotentCalls.running.map((id) => ({ kind: "call" as const, id })),
        ...http.runningStreams.map((id) => ({ kind: "stream" as const, id })),
        ...tasks.runner.running.map((id) => ({ kind: "task" as const, id })),
      ],
      onInterrupted: (interrupted) =>
        log.info({ interrupted }, "ended chat turns without an answer"),
      onDead: () => void (metrics.takeovers += 1),
      adopt: () => Promise.all([http.adopt(), tasks.runner.looked()]),
      async giveUp() {
        metrics.takenOver += 1;
        log.warn("another process took this one for dead, and has ended or taken over its calls");
        connected.renew();
        await Promise.all([http.giveUp(), tasks.runner.check()]);
      },
    },
    onError,
  );
  const { connected, presence } = buildPresence(data, instances, closing);
  const model = modelOf(data);
  const services: Services = buildServices(data, model, instances, closing);
  const tasks: TaskParts = buildTasks(
    data,
    instances,
    {
      registry: () => mcp.registry,
      life: { stillHold: (credentials) => http.authenticator.stillHold(credentials) },
    },
    closing,
  );
  const mcp: McpServerOptions = buildMcp(data, services, model, tasks, options);
  const http: HttpServer = new HttpServer({
    config,
    mcp,
    storage,
    instances,
    keys,
    activity: activityOf(config, storage, clock, storage.clients, onError),
    presence,
    services,
    imports: tasks.imports,
    transfer: data.transfer,
    browserSessions: data.browserSessions,
    passkeys: data.passkeys,
    grants: data.grants,
    oauthClients: data.oauthClients,
    fetchDocument: options.fetchDocument,
    delivery,
    watch: data.watch,
    clock,
    metrics,
    settings: options.settings ?? [],
    command: options.command ?? [],
    log,
    onError,
  });
  closing.defer(() => http.close());
  return { model, instances, presence, services, tasks, mcp, http };
}

/** Account of the clients that are connected to this process. */
function buildPresence(
  { clock, storage, onError }: Data,
  instances: Instances,
  closing: AsyncDisposableStack,
): { connected: ConnectedClients; presence: Presence } {
  const programAgeMs = Math.min(storage.maxAgeMs, storage.clientAgeMs);
  const connected = new ConnectedClients(
    clock,
    instances.id,
    storage.clients,
    onError,
    programAgeMs,
  );
  closing.defer(() => connected.close());
  const presence = new Presence(clock, programAgeMs, storage.clients, connected, onError);
  closing.defer(() => presence.close());
  return { connected, presence };
}

/** From the start to the stop. */
function lifeOf(
  { config, clock, log, storage, delivery, cleanup }: Data,
  { model, instances, presence, services, tasks, mcp, http }: Server,
  toolFolder: ToolFolder | undefined,
  closing: AsyncDisposableStack,
): Pick<App, "start" | "listen" | "serveStdio" | "stop"> {
  let isStarted = false;
  let stopping: Promise<void> | undefined;
  /** Log line that says with which data, model and address the server started. */
  const started = (address: string): void => {
    const versions = { version: VERSION, node: process.versions.node };
    log.info({ address, data: dataPlace(config), model: model.label, ...versions }, "started");
    closing.defer(() => log.info("stopping"));
    isStarted = true;
  };
  return {
    async start() {
      // Load before calls are recovered: an interrupted call may be of one of these tools.
      if (toolFolder) {
        closing.defer(() => toolFolder.close());
        await toolFolder.start();
      }
      await instances.start();
      closing.defer(() => instances.stop());
      closing.defer(() => services.idempotentCalls.close());
      closing.defer(() => tasks.runner.close(config["shutdown-grace"]));
      cleanup.start(config["cleanup-interval"], () =>
        storage.instances.claim("cleanup", instances.id),
      );
      closing.defer(() => cleanup.stop());
    },

    async listen() {
      if (config["max-age"] !== undefined) await storage.rememberMaxAge();
      const listener = await http.listen(closing);
      tasks.runner.open();
      tasks.imports.open();
      closing.defer(() => tasks.imports.close());
      started(listener.origin);
      return listener;
    },

    serveStdio(target, streams) {
      const connection = serveOverStdio(
        {
          ...{ ...mcp, clients: storage.clients, presence, clock, log },
          resolver: services.resolver,
          ownSessions: config["default-session"] === "own",
          graceMs: config["shutdown-grace"],
          maxBodyBytes: config["max-body"],
          maxDepth: config["max-depth"],
        },
        target,
        streams,
      );
      delivery.add(connection);
      tasks.runner.open();
      closing.defer(async () => {
        await connection.close();
        await connection.closed;
      });
      started("stdio");
      return connection;
    },

    stop: () =>
      (stopping ??= closing.disposeAsync().then(() => {
        if (isStarted) log.info("stopped");
      })),
  };
}

function toolFolderOf(
  { config, log, delivery }: Data,
  mcp: McpServerOptions,
  { library = {}, onToolFault = (line) => log.warn(line) }: AppOptions,
): ToolFolder | undefined {
  if (config.tools === undefined) return undefined;
  return new ToolFolder({
    folder: config.tools,
    library,
    log,
    registries: { tools: mcp.registry, prompts: mcp.prompts, resources: mcp.resources },
    onFault: onToolFault,
    onChange: (list) => delivery.listChanged(list),
  });
}
