#!/usr/bin/env node
// The command `holdfast`: the clone runs from its source, the package, which has none, as it was compiled.
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const OLDEST_NODE = 24;
if (Number.parseInt(process.versions.node) < OLDEST_NODE) {
  console.error(`holdfast: Node ${OLDEST_NODE} or newer is needed; this is ${process.version}.`);
  process.exit(1);
}
cacheCompiled();
await import("./formats.js");
const source = new URL("../src/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : "../dist/npm/main.js");

/** Keep compiled files for the next start, in the user's own folder: others may write to the temporary one. */
function cacheCompiled() {
  try {
    const folder = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
    if (isAbsolute(folder)) enableCompileCache(join(folder, "holdfast"));
  } catch {
    // A user without a home starts without it.
  }
}
