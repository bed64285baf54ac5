import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

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

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/build.ts"],
    pool: "forks",
    // Files share their worker, which imports the server once; what a test changes for itself, it puts back at its end.
    isolate: false,
    execArgv: ["--import", join(import.meta.dirname, "bin/formats.js")],
    // Most tests wait for processes and streams: two at a time fit on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
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
