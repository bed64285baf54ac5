// Tools in files while the server runs: changes are taken in, connected clients hear of them, and running calls go on.
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { connect, type TestClient, VERSIONS } from "../support/clients.ts";
import { folderOf, temporaryFolder, writeInto } from "../support/folder.ts";
import { acknowledged, completed, listen, WAIT } from "../support/listening.ts";
import { startServer } from "../support/process.ts";
import { saying } from "../support/tool-sources.ts";

async function begin(files: Record<string, string>) {
  const tools = folderOf(files);
  const server = await startServer({ folder: temporaryFolder(), args: ["--tools", tools] });
  return { tools, server, client: (version = VERSIONS[1]!) => connect(version, server) };
}

const says = (client: TestClient, name: string) =>
  client.call(name).then(
    ({ text }) => text,
    () => "no such tool",
  );

/** The client hears `n` times of other tools. */
const hears = (client: TestClient, n: number) => expect.poll(() => client.toolNews, WAIT).toBe(n);

describe.each(VERSIONS)("the %s client hears of tools that come, change and go", (version) => {
  const story = async (tools: string, client: TestClient): Promise<void> => {
    await client.followTools();
    expect(await client.toolNames()).toContain("greet");
    writeInto(tools, "b.js", saying("part", "bye"));
    await hears(client, 1);
    expect(await client.toolNames()).toContain("part");
    expect(await says(client, "part")).toBe("bye");
    writeInto(tools, "b.js", saying("part", "bye").replace("For a test", "Parts"));
    await hears(client, 2);
    rmSync(join(tools, "b.js"));
    await hears(client, 3);
    expect(await client.toolNames()).not.toContain("part");
    expect(await says(client, "part")).toBe("no such tool");
    expect(await says(client, "greet")).toBe("hello");
  };

  it("over HTTP", async () => {
    const { tools, server, client } = await begin({ "a.js": saying("greet", "hello") });
    await story(tools, await client(version));
    expect(server.errors()).toBe("");
  });

  it("over stdio", async () => {
    const tools = folderOf({ "a.js": saying("greet", "hello") });
    await story(tools, await connect(version, { stdio: ["--ephemeral", "--tools", tools] }));
  });
});

describe("a change", () => {
  it("of what a tool does is taken in without news, for the list is the same", async () => {
    const { tools, client } = await begin({ "a.ts": saying("greet", "hello") });
    const ada = await client();
    writeInto(tools, "a.ts", saying("greet", "good morning"));
    await expect.poll(() => says(ada, "greet"), WAIT).toBe("good morning");
    expect(ada.toolNews).toBe(0);
  });

  it("takes in what the file imports by a relative path too", async () => {
    const text = `import { words } from "./lib/words.js";${saying("greet", "").replace('""', "words")}`;
    const { tools, client } = await begin({
      "a.js": text,
      "lib/words.js": "export const words = 'hello';",
    });
    const ada = await client();
    expect(await says(ada, "greet")).toBe("hello");
    writeInto(tools, "lib/words.js", "export const words = 'good morning';");
    writeInto(tools, "a.js", `${text}\n`);
    await expect.poll(() => says(ada, "greet"), WAIT).toBe("good morning");
  });

  it("by a rename, as editors save, is one too", async () => {
    const { tools, client } = await begin({ "a.js": saying("greet", "hello") });
    const ada = await client();
    writeInto(tools, ".a.js.tmp", saying("greet", "good morning"));
    renameSync(join(tools, ".a.js.tmp"), join(tools, "a.js"));
    await expect.poll(() => says(ada, "greet"), WAIT).toBe("good morning");
  });

  it("that breaks a file leaves its last tools, and says so in one line", async () => {
    const { tools, server, client } = await begin({ "a.js": saying("greet", "hello") });
    const ada = await client();
    writeInto(tools, "a.js", "export default {{");
    await expect
      .poll(server.errors, WAIT)
      .toMatch(/^holdfast: tools: a\.js: not reloaded, its last tools stay: SyntaxError.*\n$/);
    expect(await says(ada, "greet")).toBe("hello");
    writeInto(tools, "a.js", saying("greet", "good morning"));
    await expect.poll(() => says(ada, "greet"), WAIT).toBe("good morning");
  });

  it("that takes the whole folder away leaves the last tools, and says so", async () => {
    const { tools, server, client } = await begin({ "a.js": saying("greet", "hello") });
    const ada = await client();
    rmSync(tools, { recursive: true });
    await expect
      .poll(server.errors, WAIT)
      .toMatch(/tools: .* cannot be read: .* The last tools stay\.\n$/);
    expect(await says(ada, "greet")).toBe("hello");
  });

  it("leaves a running call with the tool that it began with", async () => {
    const slow = (words: string) =>
      saying("slow", words).replace(
        'session: "optional", handler: () =>',
        `handler: async ({ session }) => {
          await session.state.set("began", true);
          while (!(await session.state.get("go"))) await new Promise((resolve) => setTimeout(resolve, 20));
          return "${words}"; }, unused: () =>`,
      );
    const { tools, client } = await begin({ "a.js": slow("old") });
    const ada = await client();
    const running = ada.call("slow");
    await expect
      .poll(async () => (await ada.call("state_get", { key: "began" })).data.value as unknown, WAIT)
      .toBe(true);
    rmSync(join(tools, "a.js"));
    await hears(ada, 1);
    await ada.call("state_set", { key: "go", value: true });
    expect((await running).text).toBe("old");
    expect(await says(ada, "slow")).toBe("no such tool");
  });
});

describe("a listen stream of 2026-07-28", () => {
  it("is honored for lists that can change, and ends with the server", async () => {
    const { tools, server } = await begin({ "a.js": saying("greet", "hello") });
    const wanted = { toolsListChanged: true, promptsListChanged: true };
    const stream = await listen(server.url, wanted);
    expect(await stream.next()).toEqual(acknowledged(wanted));
    const deaf = await listen(server.url, { resourceSubscriptions: ["holdfast://sessions"] });
    await deaf.next();
    writeInto(tools, "b.js", saying("part", "bye"));
    expect(await stream.next()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/tools/list_changed",
      params: { _meta: { "io.modelcontextprotocol/subscriptionId": "news" } },
    });
    void server.stop();
    expect(await stream.next()).toMatchObject(completed());
    expect(await deaf.next()).toMatchObject(completed());
  });
});
