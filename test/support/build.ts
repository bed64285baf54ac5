// Builds the program and the servers that the tests start, before the first of them and again when the source changes.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundle } from "../../scripts/bundle.ts";
import { offerPostgres } from "./postgres-server.ts";
import { BUNDLE, SCRIPTS } from "./process.ts";

/** Another run of the tests may be starting the one before: the names of its files tell what is in them. */
async function build(): Promise<void> {
  const target = dirname(BUNDLE);
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(`${target}-`);
  await bundle({ folder, scripts: SCRIPTS });
  const started = ["main", ...Object.keys(SCRIPTS)].map((name) => `${name}.mjs`);
  const others = readdirSync(folder).filter((name) => !started.includes(name));
  for (const name of [...others, ...started]) renameSync(join(folder, name), join(target, name));
  rmSync(folder, { recursive: true });
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  project.onTestsRerun(build);
  return offerPostgres(project);
}
