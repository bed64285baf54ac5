// What tools do beside their answers: it reaches neither the pipe nor other calls.
import { expect, it } from "vitest";
import { folderOf } from "../support/folder.ts";
import { rawStdio } from "../support/raw-stdio.ts";

const TOOLS = `
  import { writeSync } from "node:fs";
  import { exit, stdout } from "node:process";
  import { createInterface } from "node:readline";
  import { defineTool } from "holdfast";
  console.log("while it is loaded");
  setTimeout(() => { throw new Error("of a file"); }, 1);
  const tool = (name, handler) => defineTool({ name, description: "For a test.", session: "optional", handler });
  export default [
    tool("writes", () => {
      console.log("a line"); console.info("%s", "a line"); console.dir({ a: 1 }); console.table([1]);
      process.stdout.write("no line break"); stdout.write("named"); writeSync(1, "by number"); process.stdout.end("end");
      setTimeout(() => console.log("later"), 1);
      return "written";
    }),
    tool("reads", async () => {
      let text = "";
      for await (const piece of process.stdin) text += piece;
      process.stdin.pause(); process.stdin.destroy();
      createInterface({ input: process.stdin }).close();
      return \`read \${text.length}\`;
    }),
    tool("throws_later", () => {
      setTimeout(() => { throw new Error("in a timer"); }, 1);
      Promise.reject(null);
      return "thrown";
    }),
    tool("exits", () => { setTimeout(() => exit(4), 1); process.exit(3); }),
    tool("tells", async ({ progress, log }) => {
      await progress(1, NaN); await progress(NaN, 5); await progress(Infinity); await progress(1, 5);
      await progress(2, 5, 7); await log("error", undefined); await log("loud", "x"); await log("info", { n: 1n });
      return "told";
    }),
  ];
`;

it("output, throws, and progress that MCP forbids: the pipe has nothing but MCP, and the server goes on", async () => {
  const pipe = await rawStdio(["--ephemeral", "--tools", folderOf({ "noisy.mjs": TOOLS })]);
  await pipe.request("logging/setLevel", { level: "debug" });
  for (const [name, text] of [
    ["writes", "written"],
    ["reads", "read 0"],
    ["throws_later", "thrown"],
  ] as const)
    expect((await pipe.call(name)).result?.content).toEqual([{ type: "text", text }]);
  const ended = (await pipe.call("exits")).result;
  expect(ended).toMatchObject({ isError: true, _meta: { "holdfast/error": "internal" } });
  for (const code of [3, 4])
    await expect.poll(pipe.errors).toContain(`it called process.exit(${code})`);
  const told = await pipe.request("tools/call", {
    name: "tells",
    arguments: {},
    _meta: { progressToken: 0 },
  });
  expect(told.result?.content).toEqual([{ type: "text", text: "told" }]);
  await expect.poll(pipe.errors).toMatch(/"tool":"throws_later".*in a timer/);
  expect(pipe.errors()).toMatch(/"tool":"noisy.mjs".*of a file/);
  for (const words of ["while it is loaded", "no line break", "named", "by number", "end", "later"])
    expect(pipe.errors()).toContain(words);
  expect((await pipe.request("ping")).result).toEqual({});
  pipe.end();
  expect(await pipe.exited).toEqual({ code: 0, signal: null });
  const messages = pipe.lines.map(
    (line) => JSON.parse(line) as { method?: string; params?: object },
  );
  expect(messages.filter(({ method }) => method !== undefined).map(({ params }) => params)).toEqual(
    [
      { progressToken: 0, progress: 1 },
      { progressToken: 0, progress: 2, total: 5 },
      { level: "error", data: null },
      { level: "info", data: "{ n: 1n }" },
    ],
  );
});
