// Builds dist/npm: the package as others install it, with compiled JavaScript, for Node does not strip types inside
// node_modules. The clone itself runs from its source; `npm run package` makes the tarball.
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const output = process.argv[2] ?? join(root, "dist", "npm");

if (process.env["npm_lifecycle_event"] === "prepack") {
  console.error('This folder is not the package. "npm run package" makes that.');
  process.exit(1);
}

rmSync(output, { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve("typescript/lib/tsc.js");
execFileSync(
  process.execPath,
  [tsc, "-p", join(root, "tsconfig.package.json"), "--outDir", output],
  {
    stdio: "inherit",
  },
);
const files = readdirSync(output, { recursive: true, encoding: "utf8" });
for (const file of files.filter((name) => name.endsWith(".d.ts"))) {
  // The compiler rewrites the extensions in JavaScript only.
  const path = join(output, file);
  writeFileSync(
    path,
    readFileSync(path, "utf8").replace(/(["']\.{1,2}\/[^"']*)\.ts(["'])/g, "$1.js$2"),
  );
}
const texts = files
  .filter((name) => /\.(js|d\.ts)$/.test(name))
  .map((name) => readFileSync(join(output, name), "utf8"));
for (const name of ["README.md", "LICENSE", "CHANGELOG.md"])
  copyFileSync(join(root, name), join(output, name));
writeFileSync(join(output, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
console.log(`Built ${output}.`);

function manifest(): object {
  const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    string,
    string
  > & { dependencies: Record<string, string> };
  const { name, version, description, license, type, engines } = own;
  return {
    ...{ name, version, description, license, type, engines },
    exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
    bin: { holdfast: "./main.js" },
    dependencies: Object.fromEntries(
      Object.entries(own.dependencies).filter(([dependency]) => isUsed(dependency)),
    ),
  };
}

/** Whether the compiled program names a package anywhere: the tests of the clone need more of them. */
function isUsed(dependency: string): boolean {
  return texts.some((text) => text.includes(`"${dependency}"`) || text.includes(`"${dependency}/`));
}
