import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // Most tests wait for processes and streams: two at a time fit on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // The program is started hundreds of times: each start after the first finds its files compiled.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "holdfast-compile-cache") },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
