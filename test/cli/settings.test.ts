// Settings: flags beat the environment, the environment beats the defaults, and everything that is wrong is said at
// once, one line a fault, with the setting, the value and what is accepted. Never a secret.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { createProgram, withDefaultCommand } from "../../src/cli/program.ts";
import { settingsOf } from "../../src/cli/setting-flags.ts";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";
import {
  asTexts,
  type Config,
  type ConfigSources,
  envName,
  loadConfig,
  type Setting,
  settingGroups,
  type SettingName,
  type Settings,
  settings,
} from "../../src/config/config.ts";
import { flag } from "../../src/config/kinds.ts";
import { AppError } from "../../src/index.ts";
import { temporaryFolder } from "../support/folder.ts";
import { serveHere } from "../support/here.ts";
import { run } from "../support/process.ts";
import { introduce } from "../support/raw.ts";

const NAMES = Object.keys(settings) as SettingName[];
const MINUTE = 60_000;
const DAY = 86_400_000;

/** The lines of the error that these sources give. */
function faults(sources: ConfigSources): string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("start");
    return (error as AppError).advice.split("\n");
  }
  return [];
}

/** What `--help` of a command prints on a terminal of so many columns. */
function helpOf(columns: number, ...words: string[]): string {
  const program = createProgram({} as Terminal);
  const command = words.reduce(
    (found, word) => found.commands.find((one) => one.name() === word)!,
    program,
  );
  let text = "";
  command.configureOutput({
    writeOut: (more) => void (text += more),
    getOutHelpWidth: () => columns,
  });
  command.outputHelp();
  return text;
}

const read = (name: SettingName, text: string): unknown =>
  loadConfig({ flags: { model: "m", [name]: text } })[name];

describe("without any source", () => {
  it("every setting has its documented default", () => {
    expect(loadConfig()).toEqual({
      host: "127.0.0.1",
      port: 8484,
      "data-dir": resolve("data"),
      "pool-size": 10,
      "auth-server": "auto",
      "temporary-age": 60 * MINUTE,
      "task-age": 7 * DAY,
      "cleanup-interval": 10 * MINUTE,
      durability: "full",
      toolset: ["core"],
      ephemeral: false,
      "model-provider": "openai",
      "context-tokens": { named: {}, others: 32_000 },
      "model-timeout": 2 * MINUTE,
      "insecure-no-auth": false,
      "auth-plain-jwt": false,
      "max-body": 4 * 1024 * 1024,
      "max-upload": 32 * 1024 ** 2,
      "max-headers": 16 * 1024,
      "max-depth": 200,
      "max-sessions": 10_000,
      "max-tasks": 10_000,
      "max-clients": 10_000,
      "max-streams": 5_000,
      "max-messages": 100_000,
      "max-history": 4 * 1024 ** 3,
      "max-state": 1024 ** 3,
      "max-calls-per-minute": 100_000,
      "max-concurrent-calls": 1000,
      "max-in-flight": 256 * 1024 * 1024,
      "max-connections": 10_000,
      "max-value": 1024 * 1024,
      "max-keys": 10_000,
      "max-message": 1024 * 1024,
      "stream-grace": 600_000,
      "stream-events": 10_000,
      console: true,
      "default-session": "home",
      "live-clients": 1000,
      "shutdown-grace": 10_000,
      "task-after": 45_000,
      metrics: true,
      "log-level": "warn",
    });
  });

  it("the settings that have no default have no value", () => {
    const config = loadConfig();
    const without = NAMES.filter((name) => config[name] === undefined);
    expect(without).toEqual([
      ...["public-url", "allowed-hosts", "cors-origins", "auth-issuer", "auth-audience"],
      ...["database-url", "listen-url"],
      ...["max-age", "client-age", "model-url", "model", "models", "model-key"],
      ...["embedding-model", "embedding-url", "embedding-key", "tools"],
      ...["max-storage", "max-database"],
    ]);
  });
});

describe("where a value comes from", () => {
  it("a flag beats the environment, and the environment beats the default", () => {
    const env = { HOLDFAST_PORT: "2", HOLDFAST_MAX_AGE: "2d" };
    const config = loadConfig({ flags: { port: "1" }, env });
    expect([config.port, config["max-age"], config["max-body"]]).toEqual([1, 2 * DAY, 4 << 20]);
  });

  it("every setting has its variable", () => {
    expect(envName("shutdown-grace")).toBe("HOLDFAST_SHUTDOWN_GRACE");
    const env = Object.fromEntries(NAMES.map((name) => [envName(name), "\u{1F6AB}\0"]));
    const wrong = faults({ env }).map((line) =>
      /^([a-z-]+): expected .*\(from (\w+)\)$/.exec(line)?.slice(1),
    );
    const freeText: SettingName[] = [
      "host",
      "data-dir",
      "tools",
      "model",
      "model-key",
      "embedding-model",
      "embedding-key",
      "auth-audience",
    ];
    const checked = NAMES.filter((name) => !freeText.includes(name));
    expect(wrong).toEqual(checked.map((name) => [name, envName(name)]));
    for (const name of freeText)
      expect(loadConfig({ env: { [envName(name)]: "x" } })[name]).toMatch(/x$/);
  });

  it("an empty variable counts as not set, an empty flag as wrong", () => {
    expect(loadConfig({ env: { HOLDFAST_PORT: "", HOLDFAST_MODEL: "" } }).port).toBe(8484);
    expect(faults({ flags: { port: "" } })).toHaveLength(1);
  });

  it("the endpoint and its key fall back to OPENAI_BASE_URL and OPENAI_API_KEY", () => {
    const openai = { OPENAI_BASE_URL: "http://a/v1", OPENAI_API_KEY: "sk-a" };
    expect(loadConfig({ env: openai })).toMatchObject({
      "model-url": "http://a/v1",
      "model-key": "sk-a",
    });
    const own = {
      HOLDFAST_MODEL_URL: "http://b/v1",
      HOLDFAST_MODEL_KEY: "sk-b",
      HOLDFAST_MODEL: "m",
    };
    expect(loadConfig({ env: { ...openai, ...own } })).toMatchObject({
      "model-url": "http://b/v1",
      "model-key": "sk-b",
    });
    const flags = { "model-url": "http://c/v1", "model-key": "sk-c" };
    expect(loadConfig({ flags, env: { ...openai, ...own } })).toMatchObject(flags);
    const empty = { ...openai, HOLDFAST_MODEL_URL: "", HOLDFAST_MODEL_KEY: "" };
    expect(loadConfig({ env: empty })).toMatchObject({
      "model-url": "http://a/v1",
      "model-key": "sk-a",
    });
  });

  it("with anthropic the key falls back to ANTHROPIC_API_KEY, and nothing of OpenAI's is read; nor the other way round", () => {
    const env = {
      OPENAI_BASE_URL: "http://a/v1",
      OPENAI_API_KEY: "sk-a",
      ANTHROPIC_API_KEY: "sk-ant-b",
    };
    const flags = { "model-provider": "anthropic", model: "claude" };
    const config = loadConfig({ flags, env });
    expect([config["model-url"], config["model-key"]]).toEqual([undefined, "sk-ant-b"]);
    expect(loadConfig({ env })["model-key"]).toBe("sk-a");
    expect(loadConfig({ env: { ANTHROPIC_API_KEY: "sk-ant-b" } })["model-key"]).toBeUndefined();
    expect(
      loadConfig({ env: { ...env, HOLDFAST_MODEL_PROVIDER: "anthropic", HOLDFAST_MODEL: "m" } }),
    ).toMatchObject({ "model-key": "sk-ant-b" });
  });

  it("anthropic wants a model's name, and a key or an address of its own", () => {
    expect(faults({ flags: { "model-provider": "anthropic" } })).toEqual([
      "model: expected the name of a model, since model-provider is anthropic, got nothing",
      expect.stringMatching(/^model-key: expected .*ANTHROPIC_API_KEY.*, got nothing$/),
    ]);
    const own = { "model-provider": "anthropic", model: "m", "model-url": "http://a/v1" };
    expect(faults({ flags: own })).toEqual([]);
  });

  it("an endpoint that is meant for Holdfast wants a model's name; OpenAI's variables alone do not", () => {
    expect(faults({ flags: { "model-url": "http://a/v1" } })).toEqual([
      "model: expected the name of a model, since model-url is set, got nothing",
    ]);
    expect(faults({ env: { HOLDFAST_MODEL_URL: "http://a/v1" } })).toHaveLength(1);
    expect(faults({ env: { OPENAI_BASE_URL: "http://a/v1", OPENAI_API_KEY: "sk-a" } })).toEqual([]);
  });
});

describe("what is accepted", () => {
  it.each<[SettingName, string, unknown]>([
    ["max-age", "never", Infinity],
    ["max-age", "90s", 90_000],
    ["max-age", "1.5h", 90 * MINUTE],
    ["max-age", "2w", 14 * DAY],
    ["max-age", "250 ms", 250],
    ["cleanup-interval", "10ms", 10],
    ["shutdown-grace", "24d", 24 * DAY],
    ["max-body", "512kb", 512 * 1024],
    ["max-body", "1048576", 1024 * 1024],
    ["max-body", "1.5 MB", 1.5 * 1024 * 1024],
    ["max-value", "1b", 1],
    ["port", "0", 0],
    ["port", "65535", 65_535],
    ["max-keys", "1", 1],
    ["ephemeral", "true", true],
    ["ephemeral", "0", false],
    ["host", " ::1 ", "::1"],
    ["allowed-hosts", "A.example, [::1]", ["a.example", "[::1]"]],
    ["model-url", "https://a.example/v1", "https://a.example/v1"],
    ["auth-issuer", "https://id.example/a/", "https://id.example/a/"],
    ["auth-issuer", "http://127.0.0.1:9000", "http://127.0.0.1:9000"],
    ["public-url", "https://MCP.example:443/", "https://mcp.example"],
    [
      "cors-origins",
      "https://A.example:443, http://localhost:5173,vscode-webview://abc",
      ["https://a.example", "http://localhost:5173", "vscode-webview://abc"],
    ],
    ["durability", "normal", "normal"],
    ["log-level", "silent", "silent"],
    ["data-dir", "here", resolve("here")],
    ["data-dir", " ~/kelp ", join(homedir(), "kelp")],
    ["data-dir", "~", homedir()],
    ["data-dir", "a/~/b~", resolve("a/~/b~")],
    ["tools", "~/tools", join(homedir(), "tools")],
    ["host", "[::1]", "[::1]"],
    ["host", "fe80::1%eth0", "fe80::1%eth0"],
    ["database-url", " postgres://ada@host:5433/x ", "postgres://ada@host:5433/x"],
    ["context-tokens", "8000", { named: {}, others: 8_000 }],
    [
      "context-tokens",
      "qwen3:8b=8000, 64000,a/b=1000000",
      { named: { "qwen3:8b": 8_000, "a/b": 1_000_000 }, others: 64_000 },
    ],
    ["context-tokens", "constructor=8000", { named: { constructor: 8_000 }, others: 32_000 }],
    ["models", "qwen3, hf.co/a/b:Q4", ["qwen3", "hf.co/a/b:Q4"]],
  ])("%s may be %j", (name, text, value) => {
    expect(read(name, text)).toEqual(value);
  });

  it.each<[SettingName, string[], string]>([
    ["max-age", ["0d", "30", "-1d", "soon", "30D", "1e3s", "d", "NEVER", " "], "never"],
    ["cleanup-interval", ["never", "9ms", "25d", "0s", "10"], "10ms to 24d"],
    ["max-body", ["0", "0mb", "4tb", "-1", "many", "1e6", "4 mib"], "4mb"],
    ["port", ["65536", "-1", "80.5", "0x50", "http", " 80", "123456"], "0 to 65535"],
    ["max-keys", ["0", "-1", "1.5", "1e3", "all", "01", "9999999999"], "whole number"],
    ["ephemeral", ["yes", "TRUE", "2", "constructor", "__proto__"], "true or false"],
    ["host", ["  "], "not empty"],
    [
      "host",
      ["http://127.0.0.1", "127.0.0.1:80", "localhost:", "[::1]:80", "a b"],
      "or an address alone",
    ],
    ["durability", ["none", "FULL", "full,normal"], "full or normal"],
    ["log-level", ["loud", "trace"], "silent, error, warn, info, or debug"],
    ["model-url", ["ftp://a/v1", "localhost:11434", "/v1", "http://"], "http://127.0.0.1:11434/v1"],
    [
      "auth-issuer",
      ["id.example", "https://a?b", "https://a#b", "file:///a", "http://id.example"],
      "https address of an issuer",
    ],
    ["public-url", ["mcp.example.org", "https://a/mcp", "https://a?b"], "without a path"],
    ["cors-origins", ["*", "null", "a.example", "https://*.a", "https://a/", "a,,b"], "origins"],
    ["model-provider", ["ollama", "OpenAI", "constructor"], "openai or anthropic"],
    ["context-tokens", ["999", "32k", "1,2", "4000,8000", "=4000", "a=", "a b=4000"], "from 1000"],
    ["models", ["a,,b", "a b", ","], "separated by commas"],
    ["allowed-hosts", ["a,,b", "http://a", "a:80", "*", "a b"], "separated by commas"],
  ])("%s is refused as %j, naming what is accepted", (name, texts, accepted) => {
    for (const text of texts) {
      const lines = faults({ flags: { model: "m", [name]: text } });
      expect(lines, text).toHaveLength(1);
      const [said, got] = lines[0]!.split(", got ");
      expect(said).toMatch(new RegExp(`^${name}: expected `));
      expect(said).toContain(accepted);
      expect(got).toBe(`${JSON.stringify(text)} (from --${name})`);
    }
  });

  it("works: even a session of the longest age has an end that can be told", async () => {
    const ages = ["100y", "10000y", "300000y"];
    const longest = ages.findLast((age) => faults({ flags: { "max-age": age } }).length === 0)!;
    const { url } = await serveHere({ config: { "max-age": longest } });
    const client = await introduce(url);
    expect((await client.call("state_set", { key: "k", value: 1 })).isError).toBe(false);
    const { data } = await client.call("session_info");
    expect(data["expires_at"]).toEqual(expect.any(String));
  });
});

describe("what is wrong", () => {
  it("is said all at once, one line a fault, in the order of the settings", () => {
    const wrong = { port: "http", "max-age": "soon", durability: "maybe" };
    const env = { HOLDFAST_MAX_BODY: "big", OPENAI_BASE_URL: "nowhere" };
    expect(faults({ flags: wrong, env })).toEqual([
      `port: expected a whole number from 0 to 65535, got "http" (from --port)`,
      `durability: expected full or normal, got "maybe" (from --durability)`,
      `max-age: expected a duration such as 30d, 12h, 90s or never, got "soon" (from --max-age)`,
      `model-url: expected an http or https address such as http://127.0.0.1:11434/v1, got "nowhere" (from OPENAI_BASE_URL)`,
      `max-body: expected a size such as 4mb, 512kb or 1048576, got "big" (from HOLDFAST_MAX_BODY)`,
    ]);
  });

  it("is said all at once also when one fault is a missing model", () => {
    const lines = faults({ flags: { port: "http", "model-url": "http://a/v1" } });
    expect(lines.map((line) => line.split(":")[0])).toEqual(["port", "model"]);
  });

  it("an issuer wants an address that clients can use", () => {
    const flags = { "auth-issuer": "https://id.example", host: "0.0.0.0" };
    expect(faults({ flags })).toEqual([
      expect.stringMatching(/^public-url: expected .*, got nothing$/),
    ]);
    expect(faults({ flags: { ...flags, "public-url": "https://a.example" } })).toEqual([]);
    expect(faults({ flags: { ...flags, host: "::1" } })).toEqual([]);
    for (const more of [{ host: "192.0.2.1" }, { "public-url": "http://a.example" }])
      expect(faults({ flags: { ...flags, ...more } })).toEqual([
        expect.stringMatching(/^public-url: expected the https address /),
      ]);
    expect(faults({ flags: { ...flags, "public-url": "http://localhost:8484" } })).toEqual([]);
  });

  it("is one fault, not two, where the model itself is wrong", () => {
    expect(faults({ flags: { model: " ", "model-url": "http://a/v1" } })).toHaveLength(1);
  });

  it("never shows the key, whatever is wrong with it or beside it", async () => {
    const key = "\t \u2003"; // blank, and recognisable
    const lines = faults({ flags: { "model-key": key, port: "http" } });
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain(key);
    expect(lines[1]).toContain("(hidden)");
    const secret = "sk-very-secret";
    const beside = faults({ flags: { "model-key": secret, port: "http" } });
    expect(beside.join()).not.toContain(secret);

    for (const { stdout, stderr, code } of [
      await run(["serve", "--port", "http", "--model-key", secret]),
      await run(["serve", "--port", "http"], { env: { HOLDFAST_MODEL_KEY: secret } }),
      await run(["serve", "--port", "http"], { env: { OPENAI_API_KEY: secret } }),
    ]) {
      expect(code).toBe(1);
      expect(stdout + stderr).not.toContain(secret);
    }
  });
});

/** The settings that `serve` reads from these words. */
function servedWith(...words: string[]): Config {
  const program = createProgram({} as Terminal);
  const commands = program.commands.map((command) => command.name());
  let given: Settings = {};
  program.commands
    .find((command) => command.name() === "serve")!
    .action((flags: object) => void (given = settingsOf(flags)));
  program.parse(withDefaultCommand(words, commands), { from: "user" });
  return loadConfig({ flags: asTexts(given) });
}

describe("the command line", () => {
  const switches = NAMES.filter((name) => settings[name].kind === flag);

  it("takes a switch without a value, before and behind any other flag", () => {
    expect(switches.length).toBeGreaterThan(3);
    for (const first of switches) {
      expect(servedWith(`--${first}`)).toMatchObject({ [first]: true });
      expect(servedWith("--port", "1", `--${first}`)).toMatchObject({ port: 1, [first]: true });
      expect(servedWith(`--${first}`, "--port", "1")).toMatchObject({ port: 1, [first]: true });
      for (const second of switches.filter((name) => name !== first)) {
        const both = { [first]: true, [second]: true };
        expect(servedWith(`--${first}`, `--${second}`)).toMatchObject(both);
        expect(servedWith("serve", `--${first}`, `--${second}`)).toMatchObject(both);
        const one = { [first]: false, [second]: true };
        expect(servedWith(`--${first}`, "false", `--${second}`)).toMatchObject(one);
        expect(servedWith(`--${second}`, `--${first}=false`)).toMatchObject(one);
      }
    }
  });

  it("says the same lines on standard error, exits with 1 and leaves nothing behind", async () => {
    const [cwd, env] = [temporaryFolder(), { HOLDFAST_MAX_AGE: "soon" }];
    const flags = { port: "http", "max-keys": "0" };
    const lines = faults({ flags, env }).map((line) => `holdfast: ${line}\n`);
    expect(lines).toHaveLength(3);
    const args = ["--port", "http", "--max-keys=0"];
    for (const command of [["serve"], []]) {
      const { code, stdout, stderr } = await run([...command, ...args], { env, cwd });
      expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: lines.join("") });
    }
    expect(existsSync(join(cwd, "data"))).toBe(false);
  });

  it("--help names the commands and where the settings are told", async () => {
    const help = await run(["--help"]);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const command of ["serve", "stdio", "cleanup"])
      expect(help.stdout).toContain(`  ${command}`);
    expect(help.stdout).toContain('"holdfast serve --help"');
  });

  it("serve --help has every setting in its group, with its kind and its default", () => {
    const text = helpOf(80, "serve");
    const shown = text.replace(/\s+/g, " ");
    const titles = Object.keys(settingGroups);
    expect([...text.matchAll(/^(\S.*):$/gm)].map(([, title]) => title)).toEqual([
      "Options",
      ...titles,
    ]);
    for (const name of NAMES) {
      const { kind, help, default: value, without }: Setting<unknown> = settings[name];
      const otherwise = value ?? without;
      const fallback = otherwise === undefined ? "" : ` (default: ${otherwise})`;
      expect(shown).toMatch(new RegExp(`--${name} [[<][a-z|]+[\\]>] `));
      expect(shown).toContain(kind.placeholder);
      expect(shown).toContain(`${help}${fallback}`);
      const told = `${kind.placeholder} ${help}`;
      for (const word of kind.words ?? []) expect(told, name).toContain(word);
    }
    expect(shown).toContain("--max-age is HOLDFAST_MAX_AGE");
    for (const variable of ["OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
      expect(shown).toContain(variable);
  });

  it.each([
    [100, 1],
    [80, 2],
  ])("on %d columns a setting takes no more than %d line(s)", (columns, most) => {
    const settingsPart = helpOf(columns, "serve").split("\n\nServer:\n")[1]!;
    const lines = settingsPart.split("\n\nEvery setting")[0]!.split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    const entries = lines
      .join("\n")
      .split(/\n(?= {2}--)/)
      .map((entry) => entry.replace(/\n\n.*$/s, "").replace(/\n\S.*:$/s, ""));
    for (const entry of entries) expect(entry.split("\n").length, entry).toBeLessThanOrEqual(most);
  });

  it("a command that only needs the stored data shows its few settings last, and where the rest is", () => {
    for (const [command, names] of [
      [["backup"], ["data-dir", "database-url"]],
      [
        ["sessions", "list"],
        ["data-dir", "database-url", "log-level", "max-age"],
      ],
      [
        ["keys", "list"],
        ["data-dir", "database-url", "log-level"],
      ],
    ] as const) {
      const [own, few] = helpOf(80, ...command).split("\nSettings:\n") as [string, string];
      expect(own).toContain("--json");
      expect([...few.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name)).toEqual(names);
      expect(few).toContain('"holdfast serve --help" lists all settings.');
      expect(few).toContain("HOLDFAST_DATA_DIR");
    }
  });

  it("--version is that of package.json", async () => {
    const manifest = new URL("../../package.json", import.meta.url);
    const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
    expect(await run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    expect((await run(["-V"])).stdout).toBe(`${version}\n`);
  });

  it.each([
    [["srve"], "unknown command 'srve'", "Did you mean serve?"],
    [["serve", "--prot", "1"], "unknown option '--prot'", "Did you mean --port?"],
    [["--max-agge", "1d"], "unknown option '--max-agge'", "Did you mean --max-age?"],
  ])("a mistyped %j gets a suggestion and a failure", async (args, problem, suggestion) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(problem);
    expect(stderr).toContain(suggestion);
  });
});
