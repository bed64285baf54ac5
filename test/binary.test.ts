// The single executable, built as a user would build it and run where there is no Node and no project.
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { VERSION } from "../src/version.ts";
import { temporaryFolder } from "./support/folder.ts";
import { run } from "./support/process.ts";
import { rawStdio } from "./support/raw-stdio.ts";
import { surviveKill } from "./support/story.ts";
import { REMEMBER, saying, toolFolder, writeTool } from "./support/tool-folder.ts";

const BUILD = fileURLToPath(new URL("../scripts/build-binary.ts", import.meta.url));

it("the binary serves and survives SIGKILL in an empty folder without Node", async () => {
  const built = join(temporaryFolder(), "holdfast");
  const report = execFileSync(process.execPath, [BUILD, built], { encoding: "utf8" });
  expect(report).toMatch(/\d+ MB, starts in \d+ ms/);

  const folder = temporaryFolder();
  const binary = join(folder, "holdfast");
  copyFileSync(built, binary);
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
  expect(readdirSync(folder).sort()).toEqual(["data", "holdfast"]);
});

/** They import the program's own `holdfast` and `zod`: there is no package anywhere near them. */
async function usesToolsInFiles(program: readonly string[]): Promise<void> {
  const tools = toolFolder({ "remember.ts": REMEMBER, "broken.js": "export default {{" });
  const pipe = await rawStdio(["--ephemeral", "--tools", tools], {
    command: [...program, "stdio"],
  });
  const { result } = await pipe.call("remember_order", { item: "tea" });
  expect(result?.content).toEqual([{ type: "text", text: "Noted: tea" }]);
  expect((await pipe.call("remember_order", { item: "x" })).result?.isError).toBe(true);
  expect(pipe.errors()).toMatch(/^holdfast: tools: broken\.js: not loaded: SyntaxError: .*\n$/);
  writeTool(tools, "greet.mjs", saying("greet", "hello"));
  const news = '"notifications/tools/list_changed"';
  await expect.poll(() => pipe.lines.join("\n"), { timeout: 20_000 }).toContain(news);
  expect((await pipe.call("greet")).result?.content).toEqual([{ type: "text", text: "hello" }]);
}
