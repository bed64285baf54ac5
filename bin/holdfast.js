#!/usr/bin/env node
// The command `holdfast`: the clone runs from its source, the package, which has none, as it was compiled.
import { existsSync } from "node:fs";

const OLDEST_NODE = 24;
if (Number.parseInt(process.versions.node) < OLDEST_NODE) {
  console.error(`holdfast: Node ${OLDEST_NODE} or newer is needed; this is ${process.version}.`);
  process.exit(1);
}
await import("./formats.js");
const source = new URL("../src/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : "../dist/npm/main.js");
