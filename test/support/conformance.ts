// Runs of the official conformance suite, and what they found.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { temporaryFolder } from "./folder.ts";

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js",
);

/** The suite gives some answers a fixed time, which a busy machine may not have. */
export const BUSY = { retry: 2 };

/** Runs the suite; resolves to its output. It ends with exit code 1 on any failure. */
export async function conformance(url: string, ...args: string[]): Promise<string> {
  const command = [SUITE, "server", "--url", url, ...args];
  const run = promisify(execFile)(process.execPath, command, { maxBuffer: 100_000_000 });
  return (await run.catch((error: { stdout: string }) => ({ stdout: `FAILED\n${error.stdout}` })))
    .stdout;
}

/**
 * Runs all scenarios for authorization servers; `address`: where the person must go. Resolves to names and outcomes of the
 * checks.
 */
export function conformanceOfIssuer(
  issuer: string,
  args: readonly string[],
): { address: Promise<string>; result: Promise<[string, string][]> } {
  const folder = temporaryFolder();
  const command = [SUITE, "authorization", "--url", issuer, "--output-dir", folder, ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill());
  const ended = once(child, "exit");
  const address = Promise.withResolvers<string>();
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const [found] = /https?:\S+\/authorize\?\S+(?=\n)/.exec(output) ?? [];
    if (found !== undefined) address.resolve(found);
  });
  void ended.then(() => address.reject(new Error(output)));
  const result = ended.then(() =>
    [...checksOf(folder).values()].flatMap((checks) =>
      checks.map(({ name, status }): [string, string] => [name, status]),
    ),
  );
  return { address: address.promise, result };
}

/** The scenarios that passed. */
export const passed = (output: string): string[] =>
  [...output.matchAll(/^✓ (\S+): \d+ passed, 0 failed$/gm)].map(([, name]) => name!);

interface Check {
  name: string;
  status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  errorMessage?: string;
}

const isSuccess = ({ status }: Check): boolean => status === "SUCCESS";

/** The checks of every scenario, by its name; the folder is what `--output-dir` named. */
function checksOf(folder: string): Map<string, Check[]> {
  const scenarios = readdirSync(folder).map((entry): [string, Check[]] => [
    /^(?:authorization-)?server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry)![1]!,
    JSON.parse(readFileSync(join(folder, entry, "checks.json"), "utf8")) as Check[],
  ]);
  return new Map(scenarios);
}

/** All 30 scored scenarios of 2025-11-25 and the 3 that are not scored. */
export async function expectLegacy(url: string): Promise<void> {
  const output = await conformance(url, "--requirements", "2025-11-25");
  expect(output).not.toContain("FAILED");
  expect(output).toMatch(/^Total: \d+ passed, 0 failed$/m);
  expect(passed(output)).toHaveLength(33);
  expect(passed(output)).toEqual(
    expect.arrayContaining([
      "server-session-lifecycle",
      "server-sse-polling",
      "json-schema-2020-12",
    ]),
  );
}

/**
 * All 37 scored scenarios of 2026-07-28, the 3 that are not scored, and the 10 of tasks. The suite only warns of a SHOULD that is not kept; this
 * does not let one pass.
 */
export async function expectModern(url: string): Promise<void> {
  const folder = temporaryFolder();
  const output = await conformance(url, "--requirements", "2026-07-28", "--output-dir", folder);
  const scenarios = checksOf(folder);
  const checks = [...scenarios].flatMap(([scenario, all]) =>
    all.map(({ name, status, errorMessage }) => ({ scenario, name, status, errorMessage })),
  );
  expect(checks.filter(({ status }) => status === "FAILURE" || status === "WARNING")).toEqual([]);
  expect(output).not.toContain("FAILED");
  const ofTasks = [...scenarios].filter(([scenario]) => scenario.startsWith("tasks-"));
  expect(scenarios.size - ofTasks.length).toBe(40);
  expect(ofTasks).toHaveLength(10);
  expect(ofTasks.flatMap(([, all]) => all).filter(isSuccess).length).toBeGreaterThanOrEqual(44);
  expect([...scenarios.keys()]).toEqual(
    expect.arrayContaining([
      "json-schema-2020-12",
      "http-header-validation",
      "http-custom-header-server-validation",
    ]),
  );
  // Skipped is only what the server says it does not do, as its tools and prompts never change; and what the suite itself
  // cannot do yet.
  const skipped = checks.filter(({ status }) => status === "SKIPPED").map(({ name }) => name);
  expect(skipped.toSorted()).toEqual([
    "ServerSendsPromptsListChangedOnSubscription",
    "ServerSendsToolsListChangedOnSubscription",
    "TasksStatusNotificationsScenario",
  ]);
}
