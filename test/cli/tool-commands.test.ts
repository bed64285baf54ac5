// Tools without a client: `testClient` in a program, `holdfast call` and `holdfast tools` on the command line.
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { defineTool, testClient } from "../../src/index.ts";
import { command } from "../support/command.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { run } from "../support/process.ts";
import { rows } from "../support/rows.ts";
import { saying } from "../support/tool-sources.ts";

it("testClient calls tools in memory, in one session, and tells what they said on the way", async () => {
  const add = defineTool({
    name: "add",
    description: "For a test.",
    input: z.object({ n: z.number() }),
    output: z.object({ sum: z.number() }),
    async handler({ input, session, progress, log }) {
      await progress(1, 2);
      await log("info", "adding");
      return { sum: await session.state.update<number>("sum", (sum = 0) => sum + input.n) };
    },
  });
  await using client = await testClient([add]);
  await client.call("add", { n: 1 });
  expect((await client.call("add", { n: 2 }))["structuredContent"]).toMatchObject({ sum: 3 });
  expect(await client.call("add", { n: "two" })).toMatchObject({ isError: true });
  expect(client.messages.slice(0, 2)).toEqual([
    { progress: 1, total: 2 },
    { level: "info", data: "adding" },
  ]);
  expect(client.listTools().map(({ name }) => name)).toContain("add");
  await expect(testClient([{ name: "add" } as never])).rejects.toThrow(/tools\.0: expected a tool/);
});

it("`call` calls a tool on the data folder; its failure is the exit code", async () => {
  const tools = folderOf({ "a.js": `console.log("noise");${saying("greet", "hello")}` });
  const env = { HOLDFAST_DATA_DIR: temporaryFolder(), HOLDFAST_TOOLS: tools };
  const set = ["call", "state_set", '{"key":"a","value":1}', "--name", "work", "--json"];
  const [stored, greeted, refused] = await Promise.all([
    run(set, { env }),
    command(["call", "greet"], { env: { ...env, HOLDFAST_EPHEMERAL: "true" } }),
    command(["call", "state_get", "{}"], { env: { HOLDFAST_EPHEMERAL: "true" } }),
  ]);
  expect(JSON.parse(stored.stdout)).toMatchObject({ structuredContent: { key: "a", version: 1 } });
  expect(greeted).toMatchObject({ code: 0, stdout: "hello\n" });
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toMatch(/Wrong arguments for state_get/);
  expect(rows(env.HOLDFAST_DATA_DIR, "SELECT name FROM sessions")).toEqual([{ name: "work" }]);
});

it("`call` refuses a number that JavaScript would change, as MCP does", async () => {
  for (const number of ["9007199254740993", "1e400"]) {
    const { code, stdout } = await command(["call", "state_set", `{"key":"a","value":${number}}`], {
      env: { HOLDFAST_EPHEMERAL: "true" },
    });
    expect(code).toBe(1);
    expect(stdout).toContain(`value is ${number}, which`);
  }
});

it("`call` prints the reason and the place in the file of a tool that throws, and nothing else", async () => {
  const tools = folderOf({
    "boom.js": `import { defineTool } from "holdfast";
      export default defineTool({ name: "boom", description: "Throws.", handler() {
        throw new RangeError("no such reef");
      } });`,
  });
  const call = ["call", "boom", "--tools", tools, "--ephemeral"];
  const fault = "The tool boom failed: RangeError: no such reef (boom.js, line 3)\n";
  expect(await run(call)).toEqual({ code: 1, stdout: fault, stderr: "" });
  const whole = await run([...call, "--json"]);
  expect(whole.stderr).toBe(`holdfast: ${fault}`);
  expect(JSON.parse(whole.stdout)).toMatchObject({ isError: true });
});

it("`call` names the task that waits for an answer, and fails at a question of a tool that is none", async () => {
  const asking = (
    name: string,
    asks: string,
  ): string => `import { defineTool, inputRequired } from "holdfast";
    const ask = inputRequired.elicit({ message: "Which reef?", requestedSchema: { type: "object", properties: {} } });
    export default defineTool({ name: "${name}", description: "Asks.", ${asks} });`;
  const tools = folderOf({
    "plain.js": asking("plain", "handler: () => inputRequired({ inputRequests: { reef: ask } })"),
    "task.js": asking("task", `task: "optional", handler: ({ task }) => task.ask("reef", ask)`),
  });
  const env = { HOLDFAST_EPHEMERAL: "true", HOLDFAST_TOOLS: tools };
  const [plain, task] = [
    await run(["call", "plain"], { env }),
    await run(["call", "task"], { env }),
  ];
  const why = "this command cannot be asked: call it from an MCP client.";
  expect(plain.stdout).toBe(`plain has a question for its caller, but ${why}\n`);
  expect(plain.code).toBe(1);
  expect(task.stdout).toMatch(
    /^task waits for an answer, as task \S+:\n- reef: Which reef\?\nAnswer with/,
  );
  expect(task.code).toBe(0);
});

it("`tools list` names each tool with its toolset and its file", async () => {
  const tools = folderOf({ "reef.js": saying("greet", "hello") });
  const { stdout } = await run(["tools", "list", "--tools", tools, "--ephemeral"]);
  expect(stdout).toMatch(/^tool +toolset +from\n/);
  expect(stdout).toMatch(/^state_get +core +Holdfast$/m);
  expect(stdout).toMatch(/^session_fork +manage +Holdfast$/m);
  expect(stdout).toMatch(/^greet +\(all\) +reef\.js$/m);
});

it("`tools check` names what is wrong with a folder, and says by its exit code that something is", async () => {
  const files = { "a.js": saying("greet", "hello"), "b.js": saying("two words", "") };
  const { code, stdout, stderr } = await command(["tools", "check", folderOf(files)]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "greet: fine\n1 tool, 1 fault\n" });
  expect(stderr).toMatch(/tools: b\.js: not loaded: .*"two words"/);
  const nowhere = join(temporaryFolder(), "nowhere");
  expect(await command(["tools", "check", nowhere])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /^holdfast: \S+nowhere cannot be read: there is no such/,
    ) as string,
  });
});
