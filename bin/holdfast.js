#!/usr/bin/env node
// The command `holdfast`: the clone runs from its source, the package, which has none, from its bundle.
import { existsSync } from "node:fs";
import module from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const OLDEST_NODE = 24;
if (Number.parseInt(process.versions.node) < OLDEST_NODE) {
  console.error(
    `holdfast: Node ${OLDEST_NODE} or newer is needed; this is ${process.version}. In a clone, npx --no holdfast has it.`,
  );
  process.exit(1);
}
cacheCompiled();
if (runsFromSource()) {
  await import("./formats.js");
  await import("../src/main.ts");
} else {
  await import(bundle());
}

/** Tell a clone from the package, and from a clone that was left with what the package needs (`npm prune --omit=dev`). */
function runsFromSource() {
  try {
    if (!existsSync(new URL("../src/main.ts", import.meta.url))) return false;
    import.meta.resolve("commander");
    return true;
  } catch {
    return false;
  }
}

function bundle() {
  const { href } = new URL("../dist/npm/main.mjs", import.meta.url);
  if (existsSync(new URL(href))) return href;
  console.error(
    "holdfast: packages are missing; run npm ci, which also installs those that build it.",
  );
  process.exit(1);
}

/** Keep compiled files for the next start, in the user's own folder: others may write to the temporary one. */
function cacheCompiled() {
  try {
    const folder = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
    if (isAbsolute(folder)) module.enableCompileCache(join(folder, "holdfast"));
  } catch {
    // A user without a home starts without it.
  }
}
