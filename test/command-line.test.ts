// The command line: help, the version, exit codes, and what it says to a mistyped word.
import { describe, expect, it } from "vitest";
import { VERSION } from "../src/version.ts";
import { run } from "./support/process.ts";

describe("the command line", () => {
  it.each(["-v", "-V", "--version"])("%s prints the version", async (flag) => {
    expect(await run([flag])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
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
    [["srve"], "serve"],
    [["bakcup", "x.db"], "backup"],
    [["keys", "lst"], "list"],
    [["serve", "--prot", "1"], "--port"],
    [["--max-aeg", "3d"], "--max-age"],
  ])("%j ends with 1 and suggests %s", async (args, meant) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`(Did you mean ${meant}?)`);
  });
});
