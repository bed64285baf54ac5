// Standard output that cannot be written: one line says so, and the command has failed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { filledFolder } from "../support/filled.ts";
import { cleanEnv, PROGRAM } from "../support/process.ts";

async function runWith(output: number | "pipe", ...args: string[]) {
  const child = spawn(PROGRAM[0]!, [...PROGRAM.slice(1), ...args], {
    env: cleanEnv(),
    stdio: ["ignore", output, "pipe"],
  });
  child.stdout?.destroy();
  const [stderr, [code]] = await Promise.all([text(child.stderr!), once(child, "close")]);
  return { code: code as number | null, stderr };
}

it.skipIf(!existsSync("/dev/full"))("(where there is /dev/full) a full disk is told", async () => {
  const full = openSync("/dev/full", "w");
  const folder = await filledFolder();
  for (const command of [["--version"], ["sessions", "export", "--all", "--data-dir", folder]])
    expect(await runWith(full, ...command)).toEqual({
      code: 1,
      stderr: "holdfast: standard output cannot be written: the disk is full (ENOSPC).\n",
    });
  closeSync(full);
});

it("a reader that went away is no failure", async () => {
  expect(await runWith("pipe", "--help")).toEqual({ code: 0, stderr: "" });
});
