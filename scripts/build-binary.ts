// Builds dist/holdfast: Node's single executable with the bundled program and the native addon inside. The same source,
// Node and packages give the same bytes. Another platform needs that platform's Node, in the version that runs this
// script: build-binary.ts --platform linux-arm64 --node PATH [OUTPUT]
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ADDON_ASSET } from "../src/storage/sqlite/engine/native.ts";
import { bundle } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({
  options: { platform: { type: "string" }, node: { type: "string" } },
  allowPositionals: true,
});
const { platform = ownPlatform() } = values;
const foreign = platform !== ownPlatform();
const output = resolve(positionals[0] ?? join(root, "dist", fileName()));
const addon = join(packageFolder("better-sqlite3"), "prebuilds", `${platform}.node`);
for (const [what, file] of [
  ["better-sqlite3's addon", addon],
  ["Node", values.node ?? process.execPath],
]) {
  if (!existsSync(file!)) fail(`${what} for ${platform} is not there: ${file}`);
}
if (foreign && values.node === undefined)
  fail(`For ${platform}, --node names that platform's Node ${process.version}.`);

const work = mkdtempSync(join(tmpdir(), "holdfast-build-"));
try {
  await bundle({ file: join(work, "main.mjs") });
  copyFileSync(addon, join(work, ADDON_ASSET));
  mkdirSync(dirname(output), { recursive: true });
  // Use a relative path: the executable contains the path of `main`, which must be the same on every machine.
  const config = {
    main: "main.mjs",
    mainFormat: "module",
    output,
    ...(values.node !== undefined && { executable: resolve(values.node) }),
    disableExperimentalSEAWarning: true,
    useCodeCache: !foreign, // only the platform itself can compile for it
    assets: { [ADDON_ASSET]: ADDON_ASSET },
  };
  writeFileSync(join(work, "sea.json"), JSON.stringify(config));
  // Fix the seed: compiled code has hashes of its strings, which would be others each time.
  execFileSync(process.execPath, ["--random-seed=1", "--build-sea", "sea.json"], {
    cwd: work,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const megabytes = Math.round(statSync(output).size / 1_000_000);
  console.log(`Built ${output} for ${platform}: ${megabytes} MB${foreign ? "" : started()}.`);
  if (platform.startsWith("darwin"))
    console.log("macOS runs it once it is signed: codesign -s - FILE");
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Version and fastest of three starts: the first start reads the executable from the disk. Needs the same platform. */
function started(): string {
  let [version, fastest] = ["", Infinity];
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    version = execFileSync(output, ["--version"], { encoding: "utf8" }).trim();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return `, version ${version}, starts in ${Math.round(fastest)} ms`;
}

/** Platform in better-sqlite3's words: `linux-x64`, `linuxmusl-arm64`, `darwin-arm64`, `win32-x64`. */
function ownPlatform(): string {
  const report = process.report.getReport() as unknown as {
    header: { glibcVersionRuntime?: string };
  };
  const musl = process.platform === "linux" && report.header.glibcVersionRuntime === undefined;
  return `${process.platform}${musl ? "musl" : ""}-${process.arch}`;
}

function fileName(): string {
  const name = foreign ? `holdfast-${platform}` : "holdfast";
  return platform.startsWith("win32") ? `${name}.exe` : name;
}

function packageFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
