// Every setting once: its name, kind, default and help. Flags, environment variables and help texts come from here.
import { resolve } from "node:path";
import bytes from "bytes";
import ms from "ms";
import {
  DEFAULT_CONTEXT_TOKENS,
  readContextTokens,
  type ContextTokens,
} from "./kernel/context-tokens.ts";
import { AppError } from "./kernel/errors.ts";

/** How a setting's text is read. `accepts` completes the sentence "… is accepted". */
interface Kind<T> {
  accepts: string;
  /** Returns undefined for text that is not of this kind. */
  read(text: string): T | undefined;
}

/** A thousand years: dates that far ahead can still be told. */
const LONGEST_MS = 1_000 * 365.25 * 86_400_000;

const duration: Kind<number> = {
  accepts: "a duration such as 30d, 12h, 90s, 250ms or never",
  read(text) {
    if (text === "never") return Infinity;
    if (!/^\d+(\.\d+)?\s*(ms|s|m|h|d|w|y)$/.test(text)) return undefined;
    const value = ms(text as ms.StringValue);
    return value > 0 && value <= LONGEST_MS ? value : undefined;
  },
};

/** Milliseconds of a text such as `30d`; `Infinity` for `never`, undefined for anything else. */
export const readDuration = (text: string): number | undefined => duration.read(text);

/** For intervals that feed timers, which cannot wait longer than 24 days. */
const interval: Kind<number> = {
  accepts: "a duration from 10ms to 24d, such as 10m",
  read(text) {
    const value = duration.read(text);
    return value !== undefined && value >= 10 && value <= 24 * 86_400_000 ? value : undefined;
  },
};

const size: Kind<number> = {
  accepts: "a size such as 4mb, 512kb or 1048576",
  read(text) {
    if (!/^\d+(\.\d+)?\s*(b|kb|mb|gb)?$/i.test(text)) return undefined;
    const value = bytes.parse(text);
    return value !== null && value > 0 ? value : undefined;
  },
};

/** The HTTP server needs some, and a number that is not too large for it. */
const headerSize: Kind<number> = {
  accepts: "a size from 1kb to 1mb, such as 16kb",
  read(text) {
    const value = size.read(text);
    return value !== undefined && value >= 1_024 && value <= 1_048_576 ? value : undefined;
  },
};

/** Walking through a message takes a piece of the stack for each level. */
const depth: Kind<number> = {
  accepts: "a whole number from 10 to 1000",
  read: (text) =>
    /^\d{2,4}$/.test(text) && Number(text) >= 10 && Number(text) <= 1_000
      ? Number(text)
      : undefined,
};

const count: Kind<number> = {
  accepts: "a whole number from 1",
  read: (text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined),
};

const port: Kind<number> = {
  accepts: "a port from 0 to 65535 (0 lets the system choose)",
  read: (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
};

const flag: Kind<boolean> = {
  accepts: "true or false",
  read: (text) =>
    new Map([
      ["true", true],
      ["1", true],
      ["false", false],
      ["0", false],
    ]).get(text),
};

const text: Kind<string> = {
  accepts: "text that is not empty",
  read: (value) => (value.trim() === "" ? undefined : value.trim()),
};

const hostNames: Kind<readonly string[]> = {
  accepts: "host names separated by commas, such as mcp.example.org",
  read(value) {
    const names = value.split(",").map((name) => name.trim().toLowerCase());
    return names.every((name) => /^[a-z0-9.-]+$|^\[[0-9a-f:]+\]$/.test(name)) ? names : undefined;
  },
};

const names: Kind<readonly string[]> = {
  accepts: "names separated by commas, such as qwen3,llama3.2",
  read(value) {
    const read = value.split(",").map((name) => name.trim());
    return read.every((name) => /^[^\p{C}\p{Z}]+$/u.test(name)) ? read : undefined;
  },
};

const windows: Kind<ContextTokens> = {
  accepts: "tokens from 1000, also for single models, such as 32000 or qwen3=8000,32000",
  read: readContextTokens,
};

const httpUrl: Kind<string> = {
  accepts: "an http or https address such as http://127.0.0.1:11434/v1",
  read: (value) => (/^https?:$/.test(URL.parse(value)?.protocol ?? "") ? value : undefined),
};

/** RFC 8414: an address without a query and a fragment. */
const issuerUrl: Kind<string> = {
  accepts: "the address of an issuer, exactly as it writes itself, such as https://id.example.org",
  read(value) {
    const url = URL.parse(value);
    const plain = url && /^https?:$/.test(url.protocol) && !/[?#@\s]/.test(value);
    return plain ? value : undefined;
  },
};

const ownUrl: Kind<string> = {
  accepts: "an http or https address without a path, such as https://mcp.example.org",
  read(value) {
    const url = URL.parse(value);
    const plain = url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
    return plain ? url.origin : undefined;
  },
};

/** As browsers send it. Extensions and editors have schemes of their own. */
function readOrigin(text: string): string | undefined {
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(text)) return undefined;
  return /^https?:/.test(text) ? URL.parse(text)?.origin : text;
}

const origins: Kind<readonly string[]> = {
  accepts: "origins separated by commas, such as https://app.example.org",
  read(value) {
    const read = value.split(",").map((origin) => readOrigin(origin.trim().toLowerCase()));
    const known = read.filter((origin) => origin !== undefined);
    return known.length === read.length ? known : undefined;
  },
};

const oneOf = <const T extends string>(...words: T[]): Kind<T> => ({
  accepts: words.join(", "),
  read: (value) => words.find((word) => word === value),
});

const modelProvider = oneOf("openai", "anthropic");

type ModelProvider = "openai" | "anthropic";

interface Setting<T> {
  kind: Kind<T>;
  /** As a user would write it; absent where the setting has no value unless given. */
  default?: string;
  help: string;
  /** A further environment variable that is read after `HOLDFAST_…`: another one with each `model-provider`. */
  alsoEnv?: Partial<Record<ModelProvider, string>>;
  /** Never shown. */
  secret?: boolean;
}

const required = <T>(kind: Kind<T>, value: string, help: string) =>
  ({ kind, default: value, help }) as const satisfies Setting<T>;
const optional = <T>(kind: Kind<T>, help: string, more: Partial<Setting<T>> = {}) =>
  ({ kind, help, ...more }) satisfies Setting<T>;

export const settings = {
  host: required(text, "127.0.0.1", "address to listen on"),
  port: required(port, "8484", "port to listen on"),
  "data-dir": required(text, "./data", "folder of the database holdfast.db"),
  "max-age": optional(
    duration,
    "sessions unused for longer are deleted; without it, what the folder was last served with, or never",
  ),
  "client-age": optional(
    duration,
    "programs not seen for longer must introduce themselves anew; without it, max-age, or 90d where that is never",
  ),
  "temporary-age": required(duration, "1h", "temporary sessions unused for longer are deleted"),
  "cleanup-interval": required(interval, "10m", "how often the cleanup job runs"),
  durability: required(
    oneOf("full", "normal"),
    "full",
    "full survives a power loss; normal is faster and survives a crash of the program",
  ),
  tools: optional(
    text,
    "folder with tools of your own: each .js, .mjs, .ts or .mts file in it is loaded, and again when it changes",
  ),
  ephemeral: required(flag, "false", "keep everything in memory, for trying"),
  "model-provider": required(
    modelProvider,
    "openai",
    "what the endpoint speaks: openai is any OpenAI-compatible one",
  ),
  "model-url": optional(httpUrl, "endpoint that answers chat, if not the provider's own", {
    alsoEnv: { openai: "OPENAI_BASE_URL" },
  }),
  model: optional(text, "model that answers chat"),
  models: optional(names, "further models of the endpoint that a call may name"),
  "model-key": optional(text, "key of the endpoint; better set by its variable than by its flag", {
    alsoEnv: { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY" },
    secret: true,
  }),
  "context-tokens": required(
    windows,
    `${DEFAULT_CONTEXT_TOKENS}`,
    "the model's context window: prompt, history and answer share it; older messages are summarized",
  ),
  "model-timeout": required(interval, "2m", "longest wait for one answer of the model"),
  "insecure-no-auth": required(
    flag,
    "false",
    "let others reach it without asking for credentials: something in front must do it",
  ),
  "auth-issuer": optional(issuerUrl, "OAuth issuer whose access tokens are accepted"),
  "auth-audience": optional(
    text,
    "audience that access tokens must name, if not the address of /mcp",
  ),
  "public-url": optional(ownUrl, "how clients reach the server, if not by its host and port"),
  "cors-origins": optional(origins, "origins whose pages may use the server from a browser"),
  "allowed-hosts": optional(hostNames, "further host names that requests may name"),
  "max-body": required(size, "4mb", "largest request body"),
  "max-headers": required(headerSize, "16kb", "largest headers of a request, all together"),
  "max-depth": required(depth, "200", "deepest nesting of JSON in a request"),
  "max-sessions": required(count, "10000", "most sessions of one principal"),
  "max-clients": required(
    count,
    "10000",
    "most client programs of one principal; the one unused for longest goes",
  ),
  "max-streams": required(count, "5000", "most open streams of one principal"),
  "max-messages": required(count, "100000", "most messages in one session"),
  "max-history": required(size, "4gb", "most text of all messages of one principal"),
  "max-state": required(size, "1gb", "most state values of one principal, in all"),
  "max-database": optional(size, "largest database file; without it the disk is the limit"),
  "max-calls-per-minute": required(count, "100000", "most requests of one principal in a minute"),
  "max-concurrent-calls": required(count, "1000", "most running calls of one principal"),
  "max-connections": required(count, "10000", "most open connections"),
  "max-value": required(size, "1mb", "largest state value"),
  "max-keys": required(count, "10000", "most state keys in one session"),
  "max-message": required(size, "1mb", "largest message in a history"),
  "stream-grace": required(interval, "10m", "how long a stream can be resumed after its end"),
  "stream-events": required(count, "10000", "most stored events of one stream"),
  "live-clients": required(count, "1000", "idle clients kept in memory"),
  "shutdown-grace": required(interval, "10s", "how long running calls may finish at a stop"),
  metrics: required(
    flag,
    "true",
    "count calls and answer /metrics; with keys it needs an admin key",
  ),
  "log-level": required(
    oneOf("silent", "error", "warn", "info", "debug"),
    "warn",
    "least severe log line that is written to standard error",
  ),
} as const;

export type SettingName = keyof typeof settings;

type ValueOf<S> =
  S extends Setting<infer T> ? (S extends { default: string } ? T : T | undefined) : never;

/** Every setting's value by its name: durations in milliseconds (`Infinity` is never), sizes in bytes. */
export type Config = { readonly [N in SettingName]: ValueOf<(typeof settings)[N]> };

/** `max-age` is `HOLDFAST_MAX_AGE`. */
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
      // An address may hold a password.
      const shown =
        setting.secret || source.text.includes("@") ? "(hidden)" : JSON.stringify(source.text);
      faults.push(
        `${name}: ${shown} (from ${source.from}) is wrong; ${setting.kind.accepts} is accepted`,
      );
    }
    config[name] = value;
  }
  // OPENAI_BASE_URL may be there for another program; model-url is meant for this one.
  const endpoint = flags["model-url"] ?? env[envName("model-url")];
  const isAnthropic = config["model-provider"] === "anthropic";
  if ((endpoint || isAnthropic) && !("model" in config)) {
    faults.push(
      `model: no value, but ${isAnthropic ? "model-provider" : "model-url"} is set; the name of a model of that endpoint is accepted`,
    );
  }
  if (isAnthropic && !("model-key" in config) && !("model-url" in config)) {
    faults.push(
      `model-key: no value, but model-provider is anthropic; a key of Anthropic is accepted, best in ANTHROPIC_API_KEY`,
    );
  }
  if (
    config["auth-issuer"] &&
    !("public-url" in config) &&
    UNSPECIFIED.test(config["host"] as string)
  ) {
    faults.push(
      `public-url: no value, but host is ${config["host"] as string} and clients need an address to get tokens for; an address such as https://mcp.example.org is accepted`,
    );
  }
  if (faults.length > 0) throw new AppError("start", faults.join("\n"));
  for (const name of ["data-dir", "tools"] satisfies SettingName[])
    if (name in config) config[name] = resolve(config[name] as string);
  return Object.freeze(config) as Config;
}

/** All addresses of this machine, which is none that a client could use. */
const UNSPECIFIED = /^(0\.0\.0\.0|::)$/;

/**
 * What the user wrote, and whether in a flag or a variable; undefined where the default holds.
 * An empty variable counts as not set, as in shells and compose files.
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

/** The variables of a setting; those that other programs know too belong to a provider of models. */
function variablesOf(name: SettingName, sources: ConfigSources): string[] {
  const { alsoEnv }: Setting<unknown> = settings[name];
  const provider = alsoEnv && (givenText("model-provider", sources)?.text ?? "openai");
  const also = alsoEnv?.[provider as ModelProvider];
  return also === undefined ? [envName(name)] : [envName(name), also];
}
