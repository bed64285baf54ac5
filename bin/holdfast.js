#!/usr/bin/env node
// The command `holdfast`: the clone runs from its source, the package, which has none, as it was compiled.
import { existsSync } from "node:fs";

const source = new URL("../src/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : "../dist/npm/main.js");
