// Builds dist/holdfast-PLATFORM.mcpb: the binary in a bundle that Claude Desktop installs with a click.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { manifest } from "./mcpb-manifest.ts";

const root = join(import.meta.dirname, "..");
const output = resolve(
  process.argv[2] ?? join(root, "dist", `holdfast-${process.platform}-${process.arch}.mcpb`),
);
const mcpb = join(root, "node_modules", "@anthropic-ai", "mcpb", "dist", "cli", "cli.js");
const work = mkdtempSync(join(tmpdir(), "holdfast-mcpb-"));
const run = (...args: string[]): void =>
  void execFileSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });

try {
  const { server } = manifest(process.platform);
  run(join(root, "scripts", "build-binary.ts"), join(work, server.entry_point));
  writeFileSync(
    join(work, "manifest.json"),
    JSON.stringify(manifest(process.platform), undefined, 2),
  );
  run(mcpb, "validate", join(work, "manifest.json"));
  mkdirSync(join(output, ".."), { recursive: true });
  run(mcpb, "pack", work, output);
  console.log(`Built ${output}.`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
