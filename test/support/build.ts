// Builds the program that the tests start, before the first of them and again when the source changes.
import { mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import type { TestProject } from "vitest/node";
import { bundle } from "../../scripts/bundle.ts";
import { BUNDLE } from "./process.ts";

async function build(): Promise<void> {
  mkdirSync(dirname(BUNDLE), { recursive: true });
  const partial = `${BUNDLE}.${process.pid}`;
  await bundle(partial, ["better-sqlite3"]);
  renameSync(partial, BUNDLE); // another run of the tests may be starting it
}

export default async function setup(project: TestProject): Promise<void> {
  await build();
  project.onTestsRerun(build);
}
