// Bundles the program and its packages: as one file, which the binary contains, or as a folder of files that are loaded
// on demand, which starts fastest.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";

const MAIN = "src/main.ts";
/** The command that a start loads. */
const SERVE = "src/cli/commands/serve.ts";

/**
 * Takes node:http as it is. An import of it reads all of its exports, some of which load Node's client for WebSocket: a
 * tenth of a start's time.
 */
const plainHttp: Plugin = {
  name: "plain node:http",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?https?$/, namespace: "file" }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule("${path}");`,
    }));
  },
};

/**
 * `output`: the file, or the folder, whose `main.mjs` is the program; `scripts` in the folder are more files to start, by
 * their names there, which share the program's modules. Returns the paths of the files that are in it.
 */
export async function bundle(
  output: { file: string } | { folder: string; scripts?: Readonly<Record<string, string>> },
): Promise<readonly string[]> {
  const { metafile } = await build({
    absWorkingDir: join(import.meta.dirname, ".."), // root of the paths in the bundle's comments
    entryPoints: "file" in output ? [MAIN] : { main: MAIN, ...output.scripts },
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
    target: "node24", // the oldest that runs the package
    supported: { using: true }, // in Node 24 it is
    minifySyntax: true,
    mainFields: ["module", "main"], // jsonc-parser's other form hides its requires from the bundler
    // Define `require`: bundled CommonJS packages load Node's own modules with it. A package may have a `process` of its own.
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(globalThis.process.execPath);',
    },
    plugins: [plainHttp],
    logLevel: "warning",
    metafile: true,
  });
  if ("file" in output) compileAtOnce(output.file, metafile);
  return Object.keys(metafile.inputs);
}

/**
 * Put the functions that hold a start's modules in brackets. V8 compiles such functions together with the file, so that the
 * binary's compiled code has them; others are compiled at each start.
 */
function compileAtOnce(file: string, { inputs }: Metafile): void {
  const started = new Set([MAIN, SERVE]);
  for (const path of started)
    for (const { path: next, kind, external } of inputs[path]?.imports ?? [])
      if (kind !== "dynamic-import" && external !== true) started.add(next);
  const text = readFileSync(file, "utf8").replace(
    /^ {2}"([^"]+)"(\([^)]*\) \{\n[^]*?^ {2}\})\n\}\)/gm,
    (whole, path: string, held: string) =>
      started.has(path) ? `  "${path}": (function${held})\n})` : whole,
  );
  writeFileSync(file, text);
}
