// The program and the packages that it uses in one file: what the binary holds, and what starts four times as fast as the
// source.
import { join } from "node:path";
import { build } from "esbuild";

/** `external`: packages that are looked for when it runs. */
export async function bundle(outfile: string, external: readonly string[] = []): Promise<void> {
  await build({
    absWorkingDir: join(import.meta.dirname, ".."), // paths in comments are relative to it
    entryPoints: ["src/main.ts"],
    outfile,
    external: [...external],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node26",
    minifySyntax: true,
    mainFields: ["module", "main"], // jsonc-parser's other form hides what it requires
    // CommonJS packages inside the bundle ask for Node's own modules with `require`.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(process.execPath);',
    },
    logLevel: "warning",
  });
}
