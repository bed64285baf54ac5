// The single executable, built as a user would build it and run where there is no Node and no project.
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { VERSION } from "../src/version.ts";
import { temporaryFolder } from "./support/folder.ts";
import { run } from "./support/process.ts";
import { surviveKill } from "./support/story.ts";

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
  expect(readdirSync(folder).sort()).toEqual(["data", "holdfast"]);
});
