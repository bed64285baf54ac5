// The command line: help, the version, exit codes, and what it says to a mistyped word.
import { readdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import type { Terminal } from "../../src/cli/terminal/terminal.ts";
import { VERSION } from "../../src/version.ts";
import { temporaryFolder } from "../support/folder.ts";
import { run } from "../support/process.ts";

const CLONE = fileURLToPath(new URL("../../bin/holdfast.js", import.meta.url));

describe("the command line", () => {
  it.each(["-v", "-V", "--version"])("%s prints the version", async (flag) => {
    expect(await run([flag])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
  });

  it("settings before a command are no settings of serve", async () => {
    expect(await run(["--data-dir", "x", "--model-key", "secret", "sessions", "list"])).toEqual({
      ...{ code: 1, stdout: "" },
      stderr: "holdfast: A command comes before its settings. Begin with: holdfast sessions\n",
    });
  });

  it("help, -h and --help print the commands and the exit codes", async () => {
    const [help, ...same] = await Promise.all(
      [["help"], ["-h"], ["--help"]].map((args) => run(args)),
    );
    expect(help!.code).toBe(0);
    for (const command of ["serve", "stdio", "cleanup", "backup", "restore", "doctor", "keys"])
      expect(help!.stdout).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(help!.stdout).toMatch(/Exit codes:\n {2}0 +done\n {2}1 /);
    for (const other of same) expect(other).toEqual(help);
    expect((await run(["help", "backup"])).stdout).toMatch(/^Usage: holdfast backup/);
    const create = await run(["help", "keys", "create"]);
    expect(create.stdout).toMatch(/^Usage: holdfast keys create/);
  });

  it.each([
    ["file", ["backup", ""]],
    ["file", ["restore", " "]],
    ["to", ["move", "--to", ""]],
    ["output", ["sessions", "export", "--all", "--output", ""]],
    ["file", ["sessions", "import", ""]],
    ["folder", ["tools", "check", ""]],
    ["environment-file", ["setup", "--environment-file", ""]],
  ])(
    "an empty %s, as of an unset variable, is not the folder of the start: %j",
    async (name, args) => {
      const cwd = temporaryFolder();
      const { code, stderr } = await run(args, { cwd });
      expect(stderr).toMatch(
        new RegExp(`^holdfast: ${name}: expected the name of a file or a folder, got " ?"\n$`),
      );
      expect({ code, files: readdirSync(cwd) }).toEqual({ code: 1, files: [] });
    },
  );

  it("`~` in a path is the user's folder, also where no shell has read it", async () => {
    const HOME = temporaryFolder();
    const env = { HOME, HOLDFAST_DATA_DIR: "~/data" };
    expect(await run(["keys", "create", "--principal", "ada"], { env })).toMatchObject({ code: 0 });
    expect(await run(["backup", "~/copy.db"], { env, cwd: HOME })).toMatchObject({ code: 0 });
    expect(readdirSync(HOME).sort()).toEqual(["copy.db", "data"]);
  });

  it("names itself as a shell has to: in a clone through npx, unless the shell knows it", async () => {
    const folder = temporaryFolder();
    symlinkSync(CLONE, join(folder, "holdfast"));
    const PATH = `${folder}${delimiter}${process.env["PATH"]}`;
    const clone = [process.execPath, CLONE];
    const says = async (options: Parameters<typeof run>[1]): Promise<string[]> => [
      (await run(["connect"], options)).stdout.trim().split("\n").at(-1)!,
      (await run(["--data-dir", "x", "keys"], options)).stderr,
    ];
    const named = (name: string): string[] => [
      `${name} connect NAME prints the configuration; --write puts it into the file.`,
      `holdfast: A command comes before its settings. Begin with: ${name} keys\n`,
    ];
    expect(await says({ program: clone })).toEqual(named("npx --no holdfast"));
    expect(await says({ program: clone, env: { PATH } })).toEqual(named("holdfast"));
    expect(await says({})).toEqual(named("holdfast"));
  });

  it.each([
    [["srve"], "serve"],
    [["bakcup", "x.db"], "backup"],
    [["keys", "lst"], "list"],
    [["help", "bakcup"], "backup"],
    [["serve", "--prot", "1"], "--port"],
    [["--max-aeg", "3d"], "--max-age"],
  ])("%j ends with 1 and suggests %s", async (args, meant) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`. Did you mean ${meant}?`);
  });

  it.each([
    [["sessions", "list", "--limit", "0"], 'limit: expected a whole number from 1, got "0"'],
    [
      ["sessions", "export", "--all", "--format", "x"],
      'format: expected jsonl or markdown, got "x"',
    ],
    [
      ["sessions", "forget", "work", "x"],
      'number: expected the number of a message, as "holdfast sessions show" prints it, got "x"',
    ],
    [["completion", "tcsh"], 'shell: expected bash, zsh, or fish, got "tcsh"'],
    [
      ["keys", "create", "--principal", "a", "--expires", "x"],
      'expires: expected a duration such as 90d or never, got "x"',
    ],
  ] as const)("%j is refused with what was expected", async (args, told) => {
    const refused = createProgram({} as Terminal).parseAsync([...args], { from: "user" });
    await expect(refused).rejects.toMatchObject({ code: "start", message: told });
  });
});
