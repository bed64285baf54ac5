// The program and the packages that it uses as one file, which is what the binary holds, or as a folder of files that are
// loaded when they are needed, which starts fastest.
import { join } from "node:path";
import { build } from "esbuild";

/** `output`: the file, or the folder, whose `main.mjs` is the program. */
export async function bundle(output: { file: string } | { folder: string }): Promise<void> {
  await build({
    absWorkingDir: join(import.meta.dirname, ".."), // paths in comments are relative to it
    entryPoints: ["src/main.ts"],
    ...("file" in output
      ? { outfile: output.file }
      : {
          outdir: output.folder,
          splitting: true,
          outExtension: { ".js": ".mjs" },
          external: ["better-sqlite3"], // finds its addon beside itself
        }),
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
