// Every setting once: its name, kind, default and help, in the groups in which people read them. Flags, environment
// variables, help texts and docs/configuration.md come from here.
import { resolve } from "node:path";
import { AppError } from "../lib/errors.ts";
import { isLoopback, isPrivateUrl } from "../lib/loopback.ts";
import { expectedText } from "../lib/text/expected.ts";
import { DEFAULT_CONTEXT_TOKENS } from "./context-tokens.ts";
import { mayHoldPassword } from "./database-url.ts";
import {
  count,
  databaseUrl,
  dataFolder,
  depth,
  duration,
  flag,
  folder,
  headerSize,
  host,
  hostNames,
  httpUrl,
  interval,
  issuerUrl,
  type Kind,
  names,
  oneOf,
  origins,
  ownUrl,
  port,
  size,
  text,
  toolsets,
  windows,
} from "./kinds.ts";

const modelProvider = oneOf("name", ["openai", "anthropic"]);

type ModelProvider = "openai" | "anthropic";

export interface Setting<T> {
  kind: Kind<T>;
  /** Text as a user would write it; absent where the setting has no value unless given. */
  default?: string;
  /** Effect of having no value, in the words of the help. */
  without?: string;
  /** One line of help: at most 65 characters with the default, to fit a terminal of 100 columns. */
  help: string;
  /** More text, for the reference alone. */
  details?: string;
  /** Another environment variable, read after `HOLDFAST_…`: one for each `model-provider`. */
  alsoEnv?: Partial<Record<ModelProvider, string>>;
  /** Never show the value. */
  secret?: boolean;
}

const required = <T>(kind: Kind<T>, value: string, help: string, details?: string) =>
  ({ kind, default: value, help, ...(details !== undefined && { details }) }) as const;
const optional = <T>(kind: Kind<T>, help: string, more: Partial<Setting<T>> = {}) =>
  ({ kind, help, ...more }) satisfies Setting<T>;

const server = {
  host: required(host, "127.0.0.1", "address to listen on"),
  port: required(port, "8484", "port to listen on; 0 lets the system choose"),
  "public-url": optional(ownUrl, "address that clients use", {
    without: "by host and port",
  }),
  "allowed-hosts": optional(hostNames, "further host names of the server that requests may use"),
  "cors-origins": optional(origins, "origins whose pages may use the server in a browser"),
  console: required(flag, "true", "serve the console, pages for people, at /console"),
  "default-session": required(
    oneOf("mode", ["home", "own", "none"]),
    "home",
    "session of unnamed calls: home, own or none",
    "each principal has one home; own opens new sessions; none refuses such calls",
  ),
  "live-clients": required(count, "1000", "idle clients kept in memory"),
  "task-after": required(duration, "45s", "answer a longer call of a task tool with its task"),
  "shutdown-grace": required(interval, "10s", "longest time for running calls to finish at a stop"),
} as const;

const access = {
  "insecure-no-auth": required(
    flag,
    "false",
    "ask for no credentials, because a proxy does",
    "a server that others can reach starts only with this, a key or an issuer",
  ),
  "auth-server": required(
    oneOf("mode", ["auto", "true", "false"]),
    "auto",
    "sign programs in (OAuth): auto, true or false",
    "auto: where public-url is https (or http on this machine), without auth-issuer and insecure-no-auth, and with the console, whose pages sign people in",
  ),
  "auth-issuer": optional(issuerUrl, "OAuth issuer whose access tokens are accepted"),
  "auth-audience": optional(text("text"), "audience of access tokens", {
    without: "the address of /mcp",
  }),
  "auth-plain-jwt": required(
    flag,
    "false",
    "accept tokens without typ at+jwt",
    "for issuers that do not follow RFC 9068; their other tokens for this audience are then accepted too",
  ),
} as const;

const storage = {
  "data-dir": required(dataFolder, "./data", "folder of the database holdfast.db"),
  "database-url": optional(databaseUrl, "PostgreSQL database in place of data-dir", {
    secret: true,
    details: "see postgres.md; a variable keeps the password out of the list of processes",
  }),
  "listen-url": optional(databaseUrl, "the same without a pooler between", {
    without: "database-url",
    secret: true,
    details: "a pooler such as PgBouncer does not pass on notifications",
  }),
  "pool-size": required(count, "10", "most connections to PostgreSQL"),
  ephemeral: required(flag, "false", "keep everything in memory, for a trial"),
  durability: required(
    oneOf("mode", ["full", "normal"]),
    "full",
    "full survives a power loss, normal only a crash",
    "normal is faster",
  ),
} as const;

const retention = {
  "max-age": optional(duration, "delete sessions unused for longer", {
    without: "as before, or never",
    details: "if unset, the value last used with this data folder",
  }),
  "temporary-age": required(duration, "1h", "delete temporary sessions unused for longer"),
  "client-age": optional(duration, "forget clients unseen for longer", {
    without: "max-age, or else 90d",
    details: "they must send initialize again; 90d applies if max-age is never",
  }),
  "cleanup-interval": required(interval, "10m", "how often the cleanup job runs"),
  "task-age": required(duration, "7d", "time for a task to end, and to be kept then"),
  "stream-grace": required(interval, "10m", "time in which an ended stream can be resumed"),
} as const;

const model = {
  "model-provider": required(
    modelProvider,
    "openai",
    "openai (or a compatible endpoint) or anthropic",
  ),
  "model-url": optional(httpUrl, "endpoint that answers chat", {
    without: "the provider's own",
    alsoEnv: { openai: "OPENAI_BASE_URL" },
  }),
  model: optional(text("name"), "model that answers chat"),
  models: optional(names, "further models of the endpoint that a call may name"),
  "model-key": optional(text("key"), "key of the endpoint; safer in its variable than here", {
    alsoEnv: { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" },
    secret: true,
  }),
  "context-tokens": required(
    windows,
    `${DEFAULT_CONTEXT_TOKENS}`,
    "tokens of prompt, history and answer",
    "prompt, history and answer share this window; older messages are summarized",
  ),
  "embedding-model": optional(text("name"), "model for search by meaning; none: by words alone"),
  "embedding-url": optional(httpUrl, "its endpoint", { without: "model-url" }),
  "embedding-key": optional(text("key"), "its key; safer in its variable than here", {
    secret: true,
    details: "without embedding-url, model-key is sent",
  }),
  "model-timeout": required(interval, "2m", "longest silence of the model in an answer"),
} as const;

const tools = {
  toolset: required(
    toolsets,
    "core",
    "tools that tools/list shows",
    "?tools= in an address chooses others; tools that are not shown can be called",
  ),
  tools: optional(folder, "folder with tools of your own, loaded when they change", {
    details: "each .js, .mjs, .ts or .mts file in it",
  }),
} as const;

const requestLimits = {
  "max-body": required(size, "4mb", "largest request body"),
  "max-upload": required(size, "32mb", "largest file that the console imports"),
  "max-headers": required(headerSize, "16kb", "largest headers of a request, in all"),
  "max-depth": required(depth, "200", "deepest nesting of JSON in a request"),
} as const;

const sessionLimits = {
  "max-messages": required(count, "100000", "most messages in one session"),
  "max-message": required(size, "1mb", "largest message in a history"),
  "max-keys": required(count, "10000", "most state keys in one session"),
  "max-value": required(size, "1mb", "largest state value"),
} as const;

const principalLimits = {
  "max-sessions": required(count, "10000", "most sessions of one principal"),
  "max-tasks": required(count, "10000", "most tasks of one principal that have not ended"),
  "max-clients": required(
    count,
    "10000",
    "most clients; the longest unused one goes",
    "counted for each key or OAuth client",
  ),
  "max-streams": required(count, "5000", "most open streams of one principal"),
  "max-history": required(size, "4gb", "most text of all messages of one principal"),
  "max-state": required(size, "1gb", "most state values of one principal, in all"),
  "max-storage": optional(size, "most data of a principal", {
    without: "half of max-database, or 16gb",
    details:
      "in bytes, with rows and indexes; subscriptions, streams and other data of its clients may take a quarter more",
  }),
  "max-calls-per-minute": required(count, "100000", "most requests of one principal in a minute"),
  "max-concurrent-calls": required(count, "1000", "most running calls of one principal"),
} as const;

const serverLimits = {
  "max-database": optional(size, "largest database file", { without: "the disk is the limit" }),
  "max-in-flight": required(
    size,
    "256mb",
    "most bytes of requests and answers in memory",
    "beyond it large requests wait, and then get 503; one principal may use half of it",
  ),
  "max-connections": required(count, "10000", "most open connections"),
  "stream-events": required(count, "10000", "most stored events of one stream"),
} as const;

const log = {
  "log-level": required(
    oneOf("level", ["silent", "error", "warn", "info", "debug"]),
    "warn",
    "what is logged: silent, error, warn, info, debug",
    "the least severe level that is written to standard error",
  ),
  metrics: required(
    flag,
    "true",
    "count calls and answer /metrics",
    "with keys, /metrics needs the scope metrics",
  ),
} as const;

/** Groups in the order of the help. */
export const settingGroups = {
  Server: server,
  Access: access,
  Storage: storage,
  Retention: retention,
  Model: model,
  Tools: tools,
  "Limits of a request": requestLimits,
  "Limits of a session": sessionLimits,
  "Limits of a principal": principalLimits,
  "Limits of the server": serverLimits,
  "Log and metrics": log,
} as const;

export const settings = {
  ...server,
  ...access,
  ...storage,
  ...retention,
  ...model,
  ...tools,
  ...requestLimits,
  ...sessionLimits,
  ...principalLimits,
  ...serverLimits,
  ...log,
} as const;

export type SettingName = keyof typeof settings;

type ValueOf<S> =
  S extends Setting<infer T> ? (S extends { default: string } ? T : T | undefined) : never;

/** Every setting's value by its name: durations in milliseconds (`Infinity` is never), sizes in bytes. */
export type Config = { readonly [N in SettingName]: ValueOf<(typeof settings)[N]> };

/** Name of a setting's variable: `HOLDFAST_MAX_AGE` for `max-age`. */
export const envName = (name: string): string =>
  `HOLDFAST_${name.toUpperCase().replaceAll("-", "_")}`;

export interface ConfigSources {
  /** Values as a user writes them, by setting name; they win over the environment. */
  flags?: Partial<Record<SettingName, string>>;
  env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads all settings from flags, then the environment, then the defaults.
 * @throws AppError `start` with one line a fault, naming the setting, the value and what is accepted.
 */
export function loadConfig({ flags = {}, env = {} }: ConfigSources = {}): Config {
  const faults: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const given = givenText(name as SettingName, { flags, env });
    const source = given ?? { text: setting.default, from: "the default" };
    if (source.text === undefined) continue;
    const value = setting.kind.read(source.text);
    if (value === undefined) {
      const secret = setting.secret === true || mayHoldPassword(source.text);
      const got = { value: source.text, secret, from: source.from };
      const { faultOf, accepts } = setting.kind;
      faults.push(expectedText(name, faultOf?.(source.text) ?? accepts, got));
    }
    config[name] = value;
  }
  // Ignore OPENAI_BASE_URL here: it may be meant for another program, while model-url is meant for this one.
  const endpoint = flags["model-url"] ?? env[envName("model-url")];
  const isAnthropic = config["model-provider"] === "anthropic";
  if ((endpoint || isAnthropic) && !("model" in config)) {
    faults.push(
      expectedText(
        "model",
        `the name of a model, since ${isAnthropic ? "model-provider is anthropic" : "model-url is set"}`,
      ),
    );
  }
  if (isAnthropic && !("model-key" in config) && !("model-url" in config)) {
    faults.push(
      expectedText(
        "model-key",
        "a key of Anthropic (best in ANTHROPIC_API_KEY), since model-provider is anthropic",
      ),
    );
  }
  faults.push(...placeFaults({ flags, env }));
  faults.push(...authServerFaults(config));
  if (config["auth-issuer"] || config["auth-server"] === "true")
    faults.push(...resourceFaults(config));
  if (faults.length > 0) throw new AppError("start", faults.join("\n"));
  for (const name of ["data-dir", "tools"] satisfies SettingName[])
    if (name in config) config[name] = resolve(config[name] as string);
  return Object.freeze(config) as Config;
}

/** Settings of two places for the data, or of none; an empty variable counts as not set. */
function placeFaults(sources: ConfigSources): string[] {
  const path = sources.flags?.["data-dir"];
  const url = givenText("database-url", sources);
  const listen = givenText("listen-url", sources);
  const faults: string[] = [];
  if (path !== undefined && url !== undefined) {
    const wanted = `no folder, since database-url is set (from ${url.from}): leave out one of the two`;
    const secret = mayHoldPassword(path);
    faults.push(expectedText("data-dir", wanted, { value: path, secret, from: "--data-dir" }));
  }
  if (listen !== undefined && url === undefined)
    faults.push(
      expectedText("listen-url", "no address, since database-url is not set", {
        ...{ value: listen.text, secret: true, from: listen.from },
      }),
    );
  return faults;
}

/** What contradicts `auth-server`: true, one line each. */
function authServerFaults(config: Partial<Config>): string[] {
  if (config["auth-server"] !== "true") return [];
  const since = "since auth-server is true";
  return [
    ...(config["auth-issuer"] === undefined
      ? []
      : [expectedText("auth-issuer", `no issuer, ${since}`)]),
    ...(config["insecure-no-auth"] ? [expectedText("insecure-no-auth", `false, ${since}`)] : []),
    ...(config.console === false
      ? [expectedText("console", `true, ${since}: its pages sign people in`)]
      : []),
  ];
}

/** RFC 9728, section 1.2: tokens are for one https address; plain http stays on this machine. */
function resourceFaults({ host = "", "public-url": publicUrl }: Partial<Config>): string[] {
  const isSafe = publicUrl === undefined ? isLoopback(host) : isPrivateUrl(new URL(publicUrl));
  if (isSafe) return [];
  const because = publicUrl === undefined ? `since host is ${host}` : `not ${publicUrl}`;
  const wanted = `the https address that clients get tokens for, such as https://mcp.example.org, ${because}`;
  return [expectedText("public-url", wanted)];
}

/**
 * The user's text of a setting, and the flag or variable that it comes from; undefined where the default holds. An
 * empty variable counts as not set, as in shells and compose files.
 */
export function givenText(
  name: SettingName,
  { flags = {}, env = {} }: ConfigSources,
): { text: string; from: string } | undefined {
  const flagText = flags[name];
  if (flagText !== undefined) return { text: flagText, from: `--${name}` };
  for (const variable of variablesOf(name, { flags, env })) {
    const value = env[variable];
    if (value) return { text: value, from: variable };
  }
  return undefined;
}

/** Environment variables of a setting; those shared with other programs belong to one provider of models. */
function variablesOf(name: SettingName, sources: ConfigSources): string[] {
  const { alsoEnv }: Setting<unknown> = settings[name];
  const provider = alsoEnv && (givenText("model-provider", sources)?.text ?? "openai");
  const also = alsoEnv?.[provider as ModelProvider];
  return also === undefined ? [envName(name)] : [envName(name), also];
}

/** Settings as a user writes them: `{ port: 8484, "max-age": "30d" }`. */
export type Settings = Partial<Record<SettingName, string | number | boolean>>;

/** Convert settings to the texts that `loadConfig` reads. */
export const asTexts = (settings: Settings): Partial<Record<SettingName, string>> =>
  Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );
