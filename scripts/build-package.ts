// Builds dist/npm, the content of the package: the program and the library with the packages that they use, in files that
// are loaded on demand, and the library's types. A clone runs from its source. `npm pack` runs this script first.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bundle } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const output = join(root, "dist", "npm");

rmSync(output, { recursive: true, force: true });
writeTypes();
writeLicenses(await bundle({ folder: output, scripts: { index: "src/index.ts" } }));

/** Write the declarations that the library's own names, and no others. */
function writeTypes(): void {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.package.json")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const named = new Set([join(output, "index.d.ts")]);
  for (const path of named) {
    // Rewrite the extensions: the compiler rewrites those in JavaScript only.
    const text = readFileSync(path, "utf8").replace(
      /(["']\.{1,2}\/[^"']*)\.ts(["'])/g,
      (_, file: string, quote: string) => {
        named.add(join(dirname(path), `${file.slice(1)}.d.ts`));
        return `${file}.js${quote}`;
      },
    );
    writeFileSync(path, text);
  }
  for (const entry of readdirSync(output, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !named.has(path)) rmSync(path);
  }
}

/** Write the licenses of the bundled packages, which ask for that. `files`: the bundle's, from the root. */
function writeLicenses(files: readonly string[]): void {
  const packages = new Set(
    files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []),
  );
  const texts = [...packages].sort().map((path) => {
    const folder = join(root, path);
    const manifest = readFileSync(join(folder, "package.json"), "utf8");
    const { name, version, license } = JSON.parse(manifest) as Record<string, string>;
    const several = join(folder, "LICENSES");
    const files = [folder, several]
      .filter((one) => existsSync(one))
      .flatMap((one) => readdirSync(one, { withFileTypes: true }))
      .filter(
        (one) => one.isFile() && (/^licen[cs]e/i.test(one.name) || one.parentPath === several),
      );
    const own = files.map((file) => readFileSync(join(file.parentPath, file.name), "utf8").trim());
    return [`${name} ${version} (${license})`, ...own].join("\n\n");
  });
  writeFileSync(join(output, "LICENSES.txt"), `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`);
}
