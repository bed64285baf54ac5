// The library's entry point; the command line calls it too.
import { acceptedContent, inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { type App, type AppOptions, buildApp } from "./app/app.ts";
import { LOCAL } from "./auth/principal.ts";
import {
  asTexts,
  type ConfigSources,
  loadConfig,
  type Settings,
  settings,
} from "./config/config.ts";
import { reportSettings } from "./config/report.ts";
import { refuseUnknown } from "./definitions/fields.ts";
import { AppError } from "./lib/errors.ts";
import { unknownAmong } from "./lib/text/similar.ts";
import { reserveStandardInput, reserveStandardOutput } from "./mcp/stdio/standard-streams.ts";
import { definePrompt, isPrompt, type Prompt } from "./prompts/prompt.ts";
import { promptCatalogue } from "./prompts/registry.ts";
import { resourceCatalogue } from "./resources/registry.ts";
import { defineResource, isResource, type Resource } from "./resources/resource.ts";
import type { SessionTarget } from "./sessions/session.ts";
import { checkName } from "./sessions/texts.ts";
import { audio, image } from "./tools/content.ts";
import type { LocalClient, ToolMessage } from "./tools/local-client.ts";
import { toolCatalogue } from "./tools/registry.ts";
import { withSession } from "./tools/session/with-session.ts";
import { defineTool, isTool, type Tool } from "./tools/tool.ts";

export interface HoldfastOptions {
  /** Your tools, beside the built-in ones. */
  tools?: readonly Tool[];
  /** Your resources and prompts, beside the built-in ones. */
  resources?: readonly Resource[];
  prompts?: readonly Prompt[];
  /** Settings by name. Missing ones come from `HOLDFAST_…` in the environment, then from the defaults. */
  config?: Settings;
  /** Default: `process.env`. */
  env?: ConfigSources["env"];
  /** Receives one line about each fault in a file of the folder `tools`. Default: a warning in the log. */
  onToolFault?: (line: string) => void;
  /** Words that start the command `holdfast`. With them, the console can make backups. */
  command?: readonly string[];
}

/** The conversation that a stdio connection continues: one by name, one by id, or the latest. */
export type StdioTarget = SessionTarget | "latest";

export interface Running {
  /** Address for MCP clients; undefined over stdio. */
  readonly url: string | undefined;
  /** @internal */
  readonly app: App;
  /** Resolves when the server has stopped, by itself (the pipe closed) or by `stop`. */
  readonly done: Promise<void>;
  /** Lets running calls finish for a while, then closes everything. */
  stop(): Promise<void>;
}

export interface Holdfast {
  /**
   * Starts serving; resolves when clients can connect.
   * @throws AppError `start` with one line a fault
   */
  run(transport: "http", settings?: Settings): Promise<Running>;
  run(
    transport: "stdio",
    settings?: Settings & { target?: StdioTarget | undefined },
  ): Promise<Running>;
}

const OPTIONS = ["tools", "resources", "prompts", "config", "env", "onToolFault", "command"];

/** @throws TypeError for an unknown option, an entry that is no tool, prompt or resource, and for two of one name */
export function createHoldfast(holdfast: HoldfastOptions = {}): Holdfast {
  refuseUnknown(holdfast, "createHoldfast", OPTIONS);
  const { config = {}, env = process.env, ...own } = holdfast;
  checkTools(own.tools);
  checkList(
    "prompts",
    own.prompts,
    isPrompt,
    "a prompt, which is what definePrompt({ … }) returns",
  );
  promptCatalogue(() => []).with(own.prompts ?? []);
  checkList(
    "resources",
    own.resources,
    isResource,
    "a resource, which is what defineResource({ … }) returns",
  );
  resourceCatalogue(() => []).with(own.resources ?? []);
  return {
    async run(
      transport: "http" | "stdio",
      options: Settings & { target?: StdioTarget | undefined } = {},
    ) {
      if (transport !== "http" && transport !== "stdio")
        throw new TypeError(`run: expected http or stdio, received ${JSON.stringify(transport)}.`);
      const { target, ...more } = options;
      const flags = asTexts({ ...config, ...more });
      checkNames(Object.keys(flags));
      const sources = { flags, env };
      const settings = reportSettings(sources);
      const appOptions = { config: loadConfig(sources), settings, library, ...own };
      return transport === "http" ? runHttp(appOptions) : runStdio(appOptions, target);
    },
  };
}

export interface TestClient extends AsyncDisposable {
  /** Calls a tool and gives its answer; a failure is a result with `isError`. */
  call: LocalClient["call"];
  listTools: LocalClient["listTools"];
  /** Progress and log messages that tools have sent so far. */
  readonly messages: readonly ToolMessage[];
  close(): Promise<void>;
}

/** A client for tests of tools. They run in memory, without a transport, in one session that is deleted at the end. */
export async function testClient(
  tools: readonly Tool[],
  settings: Settings = {},
): Promise<TestClient> {
  checkTools(tools);
  const flags = asTexts({ ...settings, ephemeral: true });
  checkNames(Object.keys(flags));
  const config = loadConfig({ flags, env: {} });
  const app = await startApp({ config, tools, library });
  const client = app.client({ name: "test" });
  const close = (): Promise<void> => app.stop();
  return {
    call: (...call) => client.call(...call),
    listTools: () => client.listTools(),
    messages: client.messages,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkTools(tools: readonly Tool[] = []): void {
  checkList("tools", tools, isTool, "a tool, which is what defineTool({ … }) returns");
  toolCatalogue(() => []).with(tools);
}

/** Report a program's mistake where it is made. @throws TypeError */
function checkList(
  field: string,
  list: readonly unknown[] = [],
  is: (value: unknown) => boolean,
  expected: string,
): void {
  if (!Array.isArray(list)) throw new TypeError(`${field}: expected a list of ${field}.`);
  const wrong = list.findIndex((item) => !is(item));
  if (wrong >= 0) throw new TypeError(`${field}.${wrong}: expected ${expected}.`);
}

/** Module "holdfast" for tools in files: it exports the same as index.ts. */
export const library: Readonly<Record<string, unknown>> = {
  createHoldfast,
  testClient,
  defineTool,
  definePrompt,
  defineResource,
  withSession,
  image,
  audio,
  AppError,
  acceptedContent,
  inputRequired,
  inputResponse,
};

async function runHttp(options: AppOptions): Promise<Running> {
  const app = await startApp(options);
  try {
    const { origin } = await app.listen();
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    const stop = (): Promise<void> => app.stop().then(resolve);
    return { url: `${origin}/mcp`, app, done: unlessLost(app, stopped, stop), stop };
  } catch (error) {
    await app.stop();
    throw error;
  }
}

async function runStdio(options: AppOptions, target: StdioTarget | undefined): Promise<Running> {
  const [input, output] = [reserveStandardInput(), reserveStandardOutput()]; // before tools load: their files may use them
  const release = (): void => {
    input.release();
    output.release();
  };
  let app: App | undefined;
  try {
    const running = (app = await startApp(options));
    const streams = { input: input.stream, output: output.stream };
    const connection = running.serveStdio(await existing(running, target), streams);
    const stop = (): Promise<void> => running.stop().finally(release);
    const done = unlessLost(running, connection.closed.then(stop), stop);
    return { url: undefined, app, done, stop };
  } catch (error) {
    await app?.stop();
    release();
    throw error;
  }
}

/** Reject with the reason when nothing can be stored any more, after closing everything that can be closed. */
function unlessLost({ lost }: App, done: Promise<void>, stop: () => Promise<void>): Promise<void> {
  let isLost = false;
  const ended = lost.catch(async (reason: unknown) => {
    isLost = true;
    await stop().catch(() => undefined);
    throw reason;
  });
  const either = Promise.race([done.then(() => (isLost ? ended : undefined)), ended]);
  either.catch(() => undefined); // a program that does not await it has the log
  return either;
}

async function startApp(options: AppOptions): Promise<App> {
  const app = await buildApp(options);
  try {
    await app.start();
    return app;
  } catch (error) {
    await app.stop();
    throw error;
  }
}

/** Check that a session asked for by id exists; `latest` without any session is a new one. */
async function existing(
  { sessions }: App,
  target: StdioTarget | undefined,
): Promise<SessionTarget | undefined> {
  if (target === "latest") {
    const [latest] = (await sessions.list(LOCAL, { limit: 1 })).sessions;
    return latest && { id: latest.id };
  }
  if (target === undefined) return undefined;
  if ("name" in target) {
    checkName(target.name);
    return target;
  }
  if ((await sessions.find(LOCAL, target)) !== undefined) return target;
  throw new AppError(
    "start",
    `There is no session ${JSON.stringify(target.id)}, or it has expired.`,
    {
      hint: "--resume continues the latest one, --name opens one by name.",
    },
  );
}

/**
 * Check names at run time, because JavaScript has no types. @throws AppError `start` with one line for each unknown
 * name
 */
function checkNames(names: readonly string[]): void {
  const kebab = (name: string): string =>
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const faults = unknownAmong(names, Object.keys(settings), kebab).map(
    ({ name, meant }) =>
      `${name}: there is no such setting${meant ? `; did you mean ${meant}?` : ""}`,
  );
  if (faults.length > 0) throw new AppError("start", faults.join("\n"));
}
