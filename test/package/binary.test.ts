// The single executable, built as a user would build it and run where there is no Node and no project; a self-hoster's
// whole way with it alone: serve, connect, chat, lose the process, go on, back up, restore elsewhere, ask the doctor.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { connect } from "../support/clients.ts";
import { folderOf, temporaryFolder, writeInto } from "../support/folder.ts";
import { MAY_BE_DONE } from "../support/interrupted.ts";
import { says, startModel } from "../support/model-server.ts";
import { run, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { surviveKill } from "../support/story.ts";
import { REMEMBER, saying } from "../support/tool-sources.ts";

const BUILD = fileURLToPath(new URL("../../scripts/build-binary.ts", import.meta.url));

/** What `npx @modelcontextprotocol/inspector` starts. */
const INSPECTOR = fileURLToPath(new URL("../../node_modules/.bin/inspector", import.meta.url));

interface Shown {
  content: { text: string }[];
  structuredContent: Record<string, unknown>;
}

/** The Inspector's command line, as its user types it; each time it is a new client. */
async function inspect(url: string, ...args: string[]): Promise<Shown> {
  const program = [process.execPath, INSPECTOR];
  const env = { HOME: temporaryFolder() };
  const { code, stdout, stderr } = await run(["--cli", url, "--method", ...args], { program, env });
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Shown;
}

const chat = (url: string, prompt: string): Promise<Shown> =>
  inspect(url, "tools/call", "--tool-name", "chat", "--tool-arg", `prompt=${prompt}`);

/** Built once, as a user would; what it said. */
let first: { file: string; report: string } | undefined;
function built(): { file: string; report: string } {
  if (first) return first;
  const file = join(mkdtempSync(join(tmpdir(), "holdfast-test-")), "holdfast");
  return (first = {
    file,
    report: execFileSync(process.execPath, [BUILD, file], { encoding: "utf8" }),
  });
}
afterAll(() => first && rmSync(dirname(first.file), { recursive: true }));

it("the binary serves and survives SIGKILL in an empty folder without Node", async () => {
  const { file, report } = built();
  expect(report).toMatch(/\d+ MB, version \S+, starts in \d+ ms/);

  const folder = temporaryFolder();
  const binary = join(folder, "holdfast");
  copyFileSync(file, binary);
  const program = ["/usr/bin/env", "-i", "PATH=/nowhere", "TMPDIR=/tmp", binary];

  const version = await run(["--version"], { program, cwd: folder });
  expect(version).toMatchObject({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  await surviveKill("v2", join(folder, "data"), program);
  const cleanup = await run(["cleanup", "--dry-run", "--data-dir", join(folder, "data")], {
    program,
  });
  expect(cleanup).toMatchObject({
    code: 0,
    stdout: "Nothing has expired.\n",
    stderr: "",
  });
  await usesToolsInFiles(program);
  await startsWithoutTemporaryFolder(binary, folder);
  expect(readdirSync(folder).sort()).toEqual(["data", "holdfast"]);
});

it("the binary is the same, byte for byte, when it is built again", () => {
  const again = join(temporaryFolder(), "holdfast");
  execFileSync(process.execPath, [BUILD, again]);
  const [one, two] = [built().file, again].map((file) =>
    createHash("sha256").update(readFileSync(file)).digest("hex"),
  );
  expect(two).toBe(one);
});

it("from the binary alone: serve, chat, kill, resume, back up, restore elsewhere, all is well", async () => {
  const home = temporaryFolder();
  const binary = join(home, "holdfast");
  copyFileSync(built().file, binary);
  const program = ["/usr/bin/env", "-i", "PATH=/nowhere", "TMPDIR=/tmp", binary];
  const command = (...args: string[]) => run(args, { program, cwd: home });
  const model = await startModel();
  const options = { folder: join(home, "data"), program, args: model.args };

  // Serve, and connect the Inspector.
  const first = await startServer(options);
  const work = `${first.url}?name=work&tools=all`; // the Inspector calls only what is listed
  expect(JSON.stringify(await inspect(work, "tools/list"))).toContain('"chat_retry"');
  const greeted = await chat(work, "My cat is called Ada.");
  expect(greeted.content[0]!.text).toBe("Answer to: My cat is called Ada.");

  // Kill it in the middle of an answer: the same client gets an outcome, and goes on where it was.
  const client = await connect("v2", { url: work });
  model.next(says("It is ", new Promise(() => undefined)));
  const asked = client.call("chat", { prompt: "What is my cat called?" });
  await model.called(2);
  await first.kill();
  const second = await startServer({ ...options, port: first.port });
  expect(await asked).toMatchObject({ isError: true, text: expect.stringMatching(MAY_BE_DONE) });
  expect((await client.call("chat_retry")).text).toBe("Answer to: What is my cat called?");
  const { id } = client;
  const history = (await client.call("history_get")).data.messages;
  expect(history).toMatchObject([
    { role: "user", content: "My cat is called Ada." },
    { role: "assistant", model: "scripted-1" },
    { role: "user", content: "What is my cat called?", status: "complete" },
    { role: "assistant", content: "Answer to: What is my cat called?" },
  ]);

  // Back up beside the running server, restore elsewhere.
  const file = join(home, "copy.db");
  const elsewhere = join(home, "elsewhere");
  expect(await command("backup", file)).toMatchObject({ code: 0, stderr: "" });
  expect(await command("restore", file, "--data-dir", elsewhere)).toMatchObject({ code: 0 });
  for (const folder of ["data", "elsewhere"]) {
    const { code, stdout } = await command("doctor", "--data-dir", folder);
    expect(stdout).toMatch(/\nAll is well\.\n$/);
    expect(code).toBe(0);
  }

  // The restored folder under the old address: the same client goes on, and the Inspector finds the conversation.
  expect(await second.stop()).toBe(0);
  await startServer({ ...options, folder: elsewhere, port: first.port });
  expect((await client.call("history_get")).data.messages).toEqual(history);
  expect(client.id).toBe(id);
  const found = await inspect(work, "tools/call", "--tool-name", "history_get");
  expect(found.structuredContent["messages"]).toEqual(history);
  expect(readdirSync(home).sort()).toEqual(["copy.db", "data", "elsewhere", "holdfast"]);
});

it.each([
  [process.arch === "arm64" ? "linux-x64" : "linux-arm64", "--node names that platform's Node"],
  ["linux-sparc", "better-sqlite3's addon for linux-sparc is not there"],
])("the binary for %s is refused without what it is made of", async (platform, reason) => {
  const program = [process.execPath, BUILD];
  const { code, stderr } = await run(["--platform", platform], { program });
  expect(code).toBe(1);
  expect(stderr).toContain(reason);
});

/** Its addon is a file for a moment; without a place for that it says which folder is the matter, not the data folder. */
async function startsWithoutTemporaryFolder(binary: string, folder: string): Promise<void> {
  const cache = temporaryFolder();
  const noexec = temporaryFolder();
  const mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"];
  const under = ['mount -t tmpfs -o noexec tmpfs "$0" && exec "$@"', noexec];
  const canMount = spawnSync(mount[0]!, [...mount.slice(1), ...under, "true"]).status === 0;
  const cases: [temporary: string, reason: string, wrapper?: string[]][] = [
    ["/dev/null", "a part of the path is no folder (ENOTDIR)"],
  ];
  if (canMount) cases.push([noexec, "(is it mounted noexec?)", [...mount, ...under]]);
  for (const [temporary, reason, wrapper = []] of cases) {
    const list = (cacheFolder: string) => {
      const env = [`TMPDIR=${temporary}`, `XDG_CACHE_HOME=${cacheFolder}`];
      const program = [...wrapper, "/usr/bin/env", "-i", "PATH=/nowhere", ...env, binary];
      return run(["sessions", "list", "--data-dir", join(folder, "data")], { program });
    };
    expect(await list(cache)).toMatchObject({ code: 0, stderr: "" });
    expect(readdirSync(cache)).toEqual([]);
    const { code, stderr } = await list("/dev/null");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^[^\n]+TMPDIR\.\n$/);
    expect(stderr).toContain(`holdfast: ${temporary}: The temporary folder cannot be used: `);
    expect(stderr).toContain(reason);
  }
}

/** They import the program's own `holdfast` and `zod`: there is no package anywhere near them. */
async function usesToolsInFiles(program: readonly string[]): Promise<void> {
  const tools = folderOf({ "remember.ts": REMEMBER, "broken.js": "export default {{" });
  const pipe = await rawStdio(["--ephemeral", "--tools", tools], {
    command: [...program, "stdio"],
  });
  const { result } = await pipe.call("remember_order", { item: "tea" });
  const opened = /^\(This call opened the session "home", [0-9a-f-]{36}\.\)$/;
  expect(result?.content).toEqual([
    { type: "text", text: "Noted: tea" },
    { type: "text", text: expect.stringMatching(opened) as string },
  ]);
  expect((await pipe.call("remember_order", { item: "x" })).result?.isError).toBe(true);
  expect(pipe.errors()).toMatch(/^holdfast: tools: broken\.js: not loaded: SyntaxError: .*\n$/);
  writeInto(tools, "greet.mjs", saying("greet", "hello"));
  const news = '"notifications/tools/list_changed"';
  await expect.poll(() => pipe.lines.join("\n")).toContain(news);
  expect((await pipe.call("greet")).result?.content).toEqual([{ type: "text", text: "hello" }]);
}
