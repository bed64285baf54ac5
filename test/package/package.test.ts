// The package as another project has it: packed, installed into an empty folder, type-checked and run from there.
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { VERSION } from "../../src/version.ts";
import { connect } from "../support/clients.ts";
import { examples } from "../support/examples.ts";
import { folderOf, temporaryFolder } from "../support/folder.ts";
import { run, startServer } from "../support/process.ts";
import { rawStdio } from "../support/raw-stdio.ts";
import { REMEMBER } from "../support/tool-sources.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

const PROGRAM = `
import { createHoldfast, defineTool } from "holdfast";
import { z } from "zod";

const countWords = defineTool({
  name: "count_words",
  description: "Counts the words of a text.",
  input: z.object({ text: z.string() }),
  async handler({ input, session }) {
    // @ts-expect-error: there is no such argument
    input.words;
    const before: number = (await session.state.get<number>("words")) ?? 0;
    const words = before + input.text.split(" ").length;
    await session.state.set("words", words);
    return { words };
  },
});

const running = await createHoldfast({ tools: [countWords] }).run("stdio", { ephemeral: true });
await running.done;
`;

const CONFIG = {
  compilerOptions: {
    ...{ strict: true, skipLibCheck: false, module: "nodenext", target: "es2024", noEmit: true },
    ...{ types: ["node"], typeRoots: [join(ROOT, "node_modules/@types")] },
  },
  files: ["program.ts", ...Object.keys(examples)],
};

/** Size of all that an installation adds, in bytes. */
const LARGEST = 64_000_000;

/** What the examples of docs/tools.md use beside Holdfast. */
const LIBRARIES = ["arktype", "valibot", "@valibot/to-json-schema"];

function link(name: string, project: string): void {
  const path = join(project, "node_modules", name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules", name), path);
}

const npm = (args: readonly string[], cwd: string): string =>
  execFileSync("npm", [...args, "--silent"], { cwd, encoding: "utf8" }).trim();

it("npm pack makes a package that installs and runs in an empty folder, with types", async () => {
  const project = temporaryFolder();
  const tarball = npm(["pack", "--pack-destination", project], ROOT);
  writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
  npm(["install", "--prefer-offline", "--no-audit", "--no-fund", `holdfast@./${tarball}`], project);
  const installed = join(project, "node_modules/holdfast");
  const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
  expect(files).toContain("dist/npm/index.d.ts");
  expect(files.filter((name) => /(?<!\.d)\.ts$/.test(name))).toEqual([]);
  expect(unusedDependencies(installed, files)).toEqual([]);
  expect(sizeOf(join(project, "node_modules"))).toBeLessThan(LARGEST);

  const pruned = join(project, "clone");
  for (const name of ["bin/holdfast.js", "bin/formats.js", "src/main.ts", "package.json"])
    cpSync(join(ROOT, name), join(pruned, name));
  const prunedProgram = { program: [process.execPath, join(pruned, "bin/holdfast.js")] };
  const unbuilt = await run(["--version"], prunedProgram);
  expect(unbuilt).toMatchObject({ code: 1, stderr: expect.stringContaining("run npm ci") });
  cpSync(join(installed, "dist"), join(pruned, "dist"), { recursive: true });
  expect(await run(["--version"], prunedProgram)).toMatchObject({ stdout: `${VERSION}\n` });

  writeFileSync(join(project, "program.ts"), PROGRAM);
  for (const [name, text] of Object.entries(examples)) writeFileSync(join(project, name), text);
  for (const name of LIBRARIES) link(name, project);
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(CONFIG));
  const checked = await run(["-p", project], { program: [process.execPath, TSC] });
  expect(checked).toEqual({ code: 0, stdout: "", stderr: "" });

  const bin = join(project, "node_modules/.bin/holdfast");
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  expect(await run(["--version"], { program: [bin], env: { PATH } })).toEqual({
    ...{ code: 0, stdout: `${VERSION}\n`, stderr: "" },
  });
  const program = [process.execPath, bin];
  const named = REMEMBER.replace('from "holdfast"', 'from "@holdfast-mcp/holdfast"');
  expect(named).not.toBe(REMEMBER);
  const tools = folderOf({ "remember.ts": named });
  const folder = join(project, "data");
  const server = await startServer({ folder, program, args: ["--tools", tools] });
  const client = await connect("v2", server);
  expect((await client.call("remember_order", { item: "tea" })).text).toBe("Noted: tea");
  expect(await server.stop()).toBe(0);
  expect(server.errors()).toBe("");

  const pipe = await rawStdio([], { command: [process.execPath, join(project, "program.ts")] });
  await pipe.call("count_words", { text: "two words" });
  const { result } = await pipe.call("count_words", { text: "three more words" });
  expect(result?.structuredContent).toMatchObject({ words: 5 });
});

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);

/** Those that no file of the package names: only the clone would need them. */
function unusedDependencies(folder: string, files: readonly string[]): readonly string[] {
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const texts = files.filter((name) => /\.(mjs|d\.ts)$/.test(name)).map(read);
  const manifest = JSON.parse(read("package.json")) as { version: string; dependencies: object };
  expect(manifest).toMatchObject({ name: "@holdfast-mcp/holdfast", version: VERSION });
  return Object.keys(manifest.dependencies).filter(
    (name) => !texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`)),
  );
}
