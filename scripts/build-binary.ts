// Builds dist/holdfast: Node's single executable with the bundled program and the native addon inside.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { ADDON_ASSET } from "../src/storage/sqlite/native.ts";

const root = join(import.meta.dirname, "..");
const output =
  process.argv[2] ?? join(root, "dist", process.platform === "win32" ? "holdfast.exe" : "holdfast");
const work = mkdtempSync(join(tmpdir(), "holdfast-build-"));

try {
  const bundle = join(work, "main.mjs");
  await build({
    entryPoints: [join(root, "src/main.ts")],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    minifySyntax: true,
    // CommonJS packages inside the bundle ask for Node's own modules with `require`.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(process.execPath);',
    },
    logLevel: "warning",
  });
  const config = join(work, "sea.json");
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      main: bundle,
      mainFormat: "module",
      output,
      disableExperimentalSEAWarning: true,
      assets: { [ADDON_ASSET]: addonFile() },
    }),
  );
  execFileSync(process.execPath, ["--build-sea", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const started = performance.now();
  const version = execFileSync(output, ["--version"], { encoding: "utf8" }).trim();
  const ms = Math.round(performance.now() - started);
  const megabytes = Math.round(statSync(output).size / 1_000_000);
  console.log(`Built ${output}: version ${version}, ${megabytes} MB, starts in ${ms} ms.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The prebuilt addon that better-sqlite3 ships for this platform. */
function addonFile(): string {
  const folder = dirname(createRequire(import.meta.url).resolve("better-sqlite3/package.json"));
  const report = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  const musl = process.platform === "linux" && report.header.glibcVersionRuntime === undefined;
  const name = `${process.platform}${musl ? "musl" : ""}-${process.arch}.node`;
  const copy = join(work, ADDON_ASSET);
  copyFileSync(join(folder, "prebuilds", name), copy);
  return copy;
}
