// Compiles src/ into dist/npm, the content of the package: Node does not strip types inside node_modules. A clone runs
// from its source. `npm pack` runs this script first.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const output = join(root, "dist", "npm");

rmSync(output, { recursive: true, force: true });
const tsc = join(root, "node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.package.json")], {
  stdio: ["ignore", "inherit", "inherit"],
});
for (const file of readdirSync(output, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".d.ts")) continue;
  // Rewrite the extensions in declarations: the compiler rewrites those in JavaScript only.
  const path = join(output, file);
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(/(["']\.{1,2}\/[^"']*)\.ts(["'])/g, "$1.js$2"),
  );
}
