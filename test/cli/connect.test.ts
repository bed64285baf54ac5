// `holdfast connect`: what a program needs to find the server, as that program spells it, printed or put into its file.
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { putIntoJson, putIntoToml } from "../../src/cli/connect/edit.ts";
import { CONFIGURED, MANUAL } from "../../src/http/connect/programs.ts";
import { connect } from "../support/clients.ts";
import { filledFolder } from "../support/filled.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";

/** A user without any program. */
function newUser() {
  const home = temporaryFolder();
  const config = (program: string): string =>
    CONFIGURED[program]!.file({ home, settings: join(home, ".config"), env: {} });
  return {
    home,
    config,
    /** Puts a file where the program has its own. */
    has(program: string, text: string): string {
      mkdirSync(dirname(config(program)), { recursive: true });
      writeFileSync(config(program), text);
      return config(program);
    },
    connect: (args: string[], env = {}) =>
      run(["connect", ...args], {
        cwd: home,
        env: {
          ...{ HOME: home, XDG_CONFIG_HOME: "", CODEX_HOME: "", CLAUDE_CONFIG_DIR: "" },
          ...env,
        },
      }),
  };
}

describe("holdfast connect", () => {
  it("without a program lists those that it knows, with their files", async () => {
    const { connect, config } = newUser();
    const { code, stdout } = await connect([]);
    expect(code).toBe(0);
    for (const [name, { title }] of Object.entries({ ...CONFIGURED, ...MANUAL }))
      expect(stdout).toMatch(new RegExp(`^${name} +${title.replace(/[().]/g, "\\$&")} `, "m"));
    expect(stdout).toContain(config("cursor"));
    const typo = await connect(["cursr"]);
    expect([typo.code, typo.stderr]).toEqual([1, expect.stringContaining("Did you mean cursor?")]);
  });

  it("prints an address with the session's name, and starts nothing and makes no folder", async () => {
    const { connect, home } = newUser();
    const { stdout, stderr } = await connect(["claude-code", "--port", "9000"]);
    expect(JSON.parse(stdout)).toEqual({
      mcpServers: { holdfast: { type: "http", url: "http://127.0.0.1:9000/mcp?name=home" } },
    });
    expect(stderr).toContain(join(home, ".claude.json"));
    const named = await connect(["cline", "--url", "https://m.example.org/mcp", "--name", "a b"]);
    expect(JSON.parse(named.stdout)).toEqual({
      mcpServers: {
        holdfast: { type: "streamableHttp", url: "https://m.example.org/mcp?name=a+b" },
      },
    });
    expect(readdirSync(home)).toEqual([]);
  });

  it("spells the entry as each program wants it", async () => {
    const http = { url: "http://h/mcp", headers: { Authorization: "Bearer k" } };
    const entry = (name: string) => CONFIGURED[name]!.entry.http!(http);
    expect(entry("gemini-cli")).toEqual({ httpUrl: http.url, headers: http.headers });
    expect(entry("opencode")).toEqual({ type: "remote", ...http, enabled: true });
    expect(entry("codex")).toEqual({ url: http.url, http_headers: http.headers });
    expect(entry("vscode")).toEqual({ type: "http", ...http });
    expect(CONFIGURED["claude-desktop"]!.entry.http).toBeUndefined();
  });

  it("--write leaves everything else in the file, comments too, and keeps the file as it was", async () => {
    const { connect, has } = newUser();
    const old =
      '{\n    // mine\n    "theme": "dark",\n    "mcpServers": { "other": { "url": "x" } }\n}\n';
    const file = has("cursor", old);
    const { code, stdout } = await connect(["cursor", "--write"]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^Written for Cursor: .*\nAs it was: /),
    ]);
    const text = readFileSync(file, "utf8");
    expect(text).toContain("// mine");
    expect(JSON.parse(text.replace("// mine", ""))).toEqual({
      theme: "dark",
      mcpServers: { other: { url: "x" }, holdfast: { url: "http://127.0.0.1:8484/mcp?name=home" } },
    });
    const backup = stdout.match(/As it was: (.*)\n/)![1]!;
    expect(readFileSync(backup, "utf8")).toBe(old);

    expect((await connect(["cursor", "--write"])).stdout).toContain("nothing was changed");
    expect(readdirSync(dirname(file))).toHaveLength(2);
    expect((await connect(["cursor", "--write", "--name", "work"])).stdout).toMatch(/^Replaced/);
    expect(readFileSync(file, "utf8")).toContain("name=work");
  });

  it("--write makes a private file where there is none, and writes through a link", async () => {
    const { connect, config, home } = newUser();
    expect((await connect(["vscode", "--write"])).code).toBe(0);
    expect(statSync(config("vscode")).mode & 0o777).toBe(0o600);
    const real = join(home, "dotfiles.json");
    writeFileSync(real, "{}");
    symlinkSync(real, config("claude-code"));
    await connect(["claude-code", "--write"]);
    expect(readFileSync(real, "utf8")).toContain("holdfast");
  });

  it("--write touches no file that it cannot read", async () => {
    const { connect, has } = newUser();
    const file = has("claude-code", "{bad");
    const { code, stderr } = await connect(["claude-code", "--write"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${file}: line 1: `)]);
    expect(readFileSync(file, "utf8")).toBe("{bad");
    expect(readdirSync(dirname(file))).toEqual([".claude.json"]);
  });

  it("takes a key from its variable only, and writes no placeholder for one", async () => {
    const { connect, config } = newUser();
    const folder = await filledFolder();
    await run(["keys", "create", "--principal", "ada", "--data-dir", folder]);
    const without = await connect(["cursor", "--write", "--data-dir", folder]);
    expect([without.code, without.stderr]).toEqual([
      1,
      expect.stringContaining("HOLDFAST_API_KEY"),
    ]);
    const printed = await connect(["cursor", "--data-dir", folder]);
    expect(printed.stdout).toContain("Bearer hf_…");
    const empty = await connect(["cursor", "--data-dir", folder], { HOLDFAST_API_KEY: " " });
    expect(empty.stdout).toContain("Bearer hf_…");
    const torn = await connect(["cursor", "--data-dir", folder], { HOLDFAST_API_KEY: "hf a" });
    expect([torn.code, torn.stderr]).toEqual([1, expect.stringContaining("expected a key")]);
    const env = { HOLDFAST_API_KEY: "hf_secret" };
    const { code, stdout, stderr } = await connect(["codex", "--write"], env);
    expect([code, stdout + stderr]).not.toContain("hf_secret");
    expect(readFileSync(config("codex"), "utf8")).toContain('Authorization = "Bearer hf_secret"');
  });

  it("what it prints works: over HTTP and by starting holdfast itself, in one session", async () => {
    const { connect: ask } = newUser();
    const folder = temporaryFolder();
    const server = await startServer({ folder });
    const port = String(server.port);
    const printed = await ask(["claude-code", "--port", port, "--data-dir", folder]);
    const { url } = (JSON.parse(printed.stdout) as { mcpServers: { holdfast: { url: string } } })
      .mcpServers.holdfast;
    const client = await connect("v2", { url });
    await client.call("state_set", { key: "colour", value: "green" });
    const started = await ask(["claude-desktop", "--data-dir", folder]);
    const { command, args } = (
      JSON.parse(started.stdout) as {
        mcpServers: { holdfast: { command: string; args: string[] } };
      }
    ).mcpServers.holdfast;
    const pipe = await rawStdio([], { command: [command, ...args] });
    const { result } = await pipe.call("state_get", { key: "colour" });
    expect(result?.structuredContent).toMatchObject({ value: "green" });
  });

  it("for a program without a file says what to enter, and that it needs a public address", async () => {
    const { connect } = newUser();
    const { code, stdout, stderr } = await connect(["chatgpt"]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/ChatGPT comes from the internet.*--public-url/);
    const open = await connect(["claude-ai", "--public-url", "https://m.example.org"]);
    expect([open.stderr, open.stdout]).toEqual([
      "",
      expect.stringContaining("https://m.example.org/mcp"),
    ]);
    expect((await connect(["chatgpt", "--write"])).code).toBe(1);
  });
});

describe("one server in a program's file", () => {
  const entry = { url: "u", http_headers: { A: "b" } };

  it("keeps indentation and line ends of JSON", () => {
    const { text } = putIntoJson('{\r\n\t"a": 1,\r\n}\r\n', ["s", "holdfast"], { b: 2 });
    expect(text).toBe(
      '{\r\n\t"a": 1,\r\n\t"s": {\r\n\t\t"holdfast": {\r\n\t\t\t"b": 2\r\n\t\t}\r\n\t},\r\n}\r\n',
    );
  });

  it.each([
    ["{bad", "line 1"],
    ["[]", "is no object"],
    ['{"s": 7}', "s is no object"],
  ])("refuses JSON that has no place for it: %s", (text, reason) => {
    expect(() => putIntoJson(text, ["s", "holdfast"], { b: 2 })).toThrow(reason);
  });

  it("replaces a table of TOML with those in it, and leaves the others", () => {
    const old = [
      ...[
        "# mine",
        "[mcp_servers.other]",
        'command = "a" # c',
        "[mcp_servers.holdfast]",
        'url = "old"',
      ],
      ...["[mcp_servers.holdfast.http_headers]", 'X = "y"', "[profiles.p]", "n = 1", ""],
    ].join("\n");
    const { text, before } = putIntoToml(old, ["mcp_servers", "holdfast"], entry);
    expect(before).toEqual({ url: "old", http_headers: { X: "y" } });
    expect(text.split("\n").slice(0, 5)).toEqual([
      ...["# mine", "[mcp_servers.other]", 'command = "a" # c', "[profiles.p]", "n = 1"],
    ]);
    expect(putIntoToml(text, ["mcp_servers", "holdfast"], entry).text).toBe(text);
  });

  it("refuses TOML that it cannot change without changing more", () => {
    for (const text of ["mcp_servers = { a = {} }", "mcp_servers.holdfast.url = 'x'", "= 1"])
      expect(() => putIntoToml(text, ["mcp_servers", "holdfast"], entry)).toThrow();
  });
});
