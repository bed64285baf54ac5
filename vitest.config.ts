import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const MEMORY = "/dev/shm";
/** Room for all data folders of a run, in bytes. */
const ROOM = 2 ** 31;

/** Folder for the tests' data folders: in memory where the system has room there for files that may be run. */
function temporaryFolder(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    const mount = readFileSync("/proc/mounts", "utf8")
      .split("\n")
      .find((line) => line.split(" ")[1] === MEMORY);
    if (mount !== undefined && !mount.includes("noexec") && bavail * bsize > ROOM) return MEMORY;
  } catch {
    // This system has no such folder.
  }
  return tmpdir();
}

/** Files that take longest: they begin first, so that no worker is left alone with one at the end. */
const LONGEST = [
  ...["contract/storage", "console/pages", "package/package", "package/binary", "stdio/stdio"],
  ...["faults/two-processes", "eras/eras", "eras/matrix", "legacy/many-streams", "chat/faults"],
].map((name) => join(import.meta.dirname, "test", `${name}.test.ts`));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files.filter(({ moduleId }) => !LONGEST.includes(moduleId)));
    return [
      ...LONGEST.flatMap((path) => files.filter(({ moduleId }) => moduleId === path)),
      ...others,
    ];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    setupFiles: ["test/support/kept-log.ts"],
    pool: "forks",
    // Files share their worker, which imports the server once; what a test changes for itself, it puts back at its end.
    isolate: false,
    // Node imports the source as it is: nothing is transformed, and its modules call each other without a proxy in between.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    sequence: { sequencer: LongestFirst },
    // A line for each file, and all about what fails.
    slowTestThreshold: Infinity,
    silent: "passed-only",
    execArgv: ["--import", join(import.meta.dirname, "bin/formats.js")],
    // Most tests wait for processes and streams now and then: one more than there are cores leaves none of these idle.
    maxWorkers: Math.min(availableParallelism() + 1, 8),
    // The program is started hundreds of times: each start after the first finds its files compiled.
    env: {
      NODE_COMPILE_CACHE: join(tmpdir(), "holdfast-compile-cache"),
      // Commits wait for the disk, thousands of times, and no test cuts its power.
      TMPDIR: temporaryFolder(),
    },
    // Bounds for a machine that is busy with other things: a start that takes 0.3 s alone may take 15 s there.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
